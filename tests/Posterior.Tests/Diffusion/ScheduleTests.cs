using Posterior.Diffusion;
using Posterior.Oracles;
using Posterior.Solvers;

namespace Posterior.Tests.Diffusion;

public sealed class ScheduleTests
{
    [SkippableTheory]
    [Trait("Category", "Oracle")]
    [MemberData(nameof(OracleFiles.RowsWhere), "", "schedule", "method", "!dirac", MemberType = typeof(OracleFiles))]
    public void Tables_match_the_oracle(string row)
    {
        using var oracle = OracleFiles.Open(row);
        var method = oracle.Spec.GetProperty("method").GetString();
        switch (method)
        {
            case "sigma_schedules":
                foreach (var schedule in oracle.Spec.GetProperty("schedules").EnumerateObject())
                {
                    double Number(string name) => schedule.Value.GetProperty(name).GetDouble();
                    NoiseSchedule built = schedule.Value.GetProperty("type").GetString() switch
                    {
                        "karras" => new KarrasSchedule(Number("sigma_min"), Number("sigma_max"), Number("rho")),
                        "exponential" => new GeometricSchedule(Number("sigma_min"), Number("sigma_max")),
                        "polyexponential" => new PolyexponentialSchedule(Number("sigma_min"), Number("sigma_max"), Number("rho")),
                        "vp" => new ContinuousVpSchedule(Number("beta_d"), Number("beta_min"), Number("eps_s")),
                        var other => throw new InvalidDataException($"{row}: schedule type '{other}'"),
                    };
                    Equal(oracle.Doubles(schedule.Name), built.Levels((int)Number("n")), 1e-12, schedule.Name);
                }
                break;
            case "vp_respacing":
                foreach (var respacing in oracle.Spec.GetProperty("respacing").EnumerateObject())
                {
                    var schedule = VpSchedule.Linear().Respace(respacing.Value.GetString()!);
                    double[] Table(Func<int, double> value) => [.. Enumerable.Range(0, schedule.Count).Select(value)];
                    void Check(string table, Func<int, double> value) =>
                        Equal(oracle.Doubles($"{respacing.Name}.{table}"), Table(value), 1e-9, $"{respacing.Name}.{table}");
                    Assert.Equal(oracle.Integers($"{respacing.Name}.timesteps"), schedule.Timesteps.Select(t => (long)t));
                    Check("betas", i => schedule.Betas[i]);
                    Check("alphas_cumprod", i => schedule.CumulativeAlphas[i]);
                    Check("alphas_cumprod_prev", schedule.PreviousCumulativeAlpha);
                    Check("posterior_variance", schedule.PosteriorVariance);
                    Check("posterior_log_variance_clipped", schedule.ClippedPosteriorLogVariance);
                    Check("posterior_mean_coef1", i => schedule.PosteriorMean(i).Estimate);
                    Check("posterior_mean_coef2", i => schedule.PosteriorMean(i).State);
                }
                break;
            default:
                Skip.If(true, $"schedule method '{method}' is not built");
                break;
        }
    }

    [Fact]
    public void Sigma_is_the_noise_to_signal_ratio()
    {
        var schedule = VpSchedule.Linear();
        Assert.Equal(1000, schedule.Count);
        Assert.Equal(0.01, schedule.Sigma(0), 1e-5);
        var abar = schedule.CumulativeAlphas[700];
        Assert.Equal(schedule.Sigma(700), Math.Sqrt(1 - abar) / Math.Sqrt(abar), 1e-9);
        Assert.Equal(schedule.Sigmas, schedule.Sigmas.Order());
    }

    [Theory]
    [InlineData(20, 20, 950)]
    [InlineData(30, 31, 990)]
    [InlineData(1000, 1000, 999)]
    [InlineData(1, 1, 0)]
    public void Levels_of_the_discrete_process_follow_the_stride_rule(int steps, int expected, int first)
    {
        var schedule = VpSchedule.Linear();
        var levels = schedule.Levels(steps);
        Assert.Equal(expected + 1, levels.Length);
        Assert.Equal(schedule.Sigma(first), levels[0]);
        Assert.Equal(schedule.Sigma(0), levels[^2]);
        Assert.Equal(0, levels[^1]);
        Assert.Equal(levels, levels.OrderDescending());
    }

    [Fact]
    public void Cosine_schedule_keeps_half_of_the_signal_near_the_middle_and_limits_its_betas()
    {
        var schedule = VpSchedule.Cosine();
        Assert.Equal(0.5, schedule.CumulativeAlphas[499], 0.02);
        Assert.Equal(0.999, schedule.Betas.Max());
        Assert.Equal(schedule.CumulativeAlphas, schedule.CumulativeAlphas.OrderDescending());
    }

    [Fact]
    public void Shifted_cosine_with_the_median_1_is_the_cosine_process()
    {
        // Both in the time of the cosine process: abar(t) = cos^2(pi t / 2), sigma = tan(pi t / 2); the discrete one shifts t by 0.008 at most, and limits its last beta.
        var levels = new ShiftedCosineSchedule(1, Math.Tan(Math.PI / 2 * 0.1), Math.Tan(Math.PI / 2 * 0.9)).Levels(9);
        var process = VpSchedule.Cosine();
        for (var i = 0; i < 9; i++) Assert.Equal(process.Sigma(899 - 100 * i), levels[i], 0.02 * levels[i] + 0.012);
    }

    [Theory]
    [InlineData(0.7, 0.03, 100)]
    [InlineData(0.3, 0.01, 50)]
    public void Half_of_the_levels_of_a_shifted_cosine_surround_its_median(double median, double least, double most)
    {
        var levels = new ShiftedCosineSchedule(median, least, most).Levels(1000);
        Assert.Equal((1001, 0.0), (levels.Length, levels[^1]));
        Assert.Equal(most, levels[0], 1e-9 * most);
        Assert.Equal(least, levels[^2], 1e-9);
        Assert.Equal(levels, levels.OrderDescending());
        var single = new ShiftedCosineSchedule(median, least, most).Levels(1);
        Assert.Equal((2, most, 0.0), (single.Length, Math.Round(single[0], 9), single[1]));
        var around = levels.Count(level => level > median * Math.Tan(Math.PI / 8) && level < median * Math.Tan(3 * Math.PI / 8));
        Assert.InRange(around, 490, 540);
    }

    [Fact]
    public void The_text_of_a_schedule_tells_what_it_is_made_of()
    {
        Assert.Equal("ShiftedCosineSchedule { Median = 0.7, Min = 0.03, Max = 100 }", new ShiftedCosineSchedule().ToString());
        Assert.Equal("ExplicitSchedule { 2.5, 0.1 }", new ExplicitSchedule(2.5, 0.1).ToString());
        // Of a state of pure noise, in the process that keeps the variance.
        Assert.Equal(Math.Sqrt(5), new ShiftedCosineSchedule().InitialScale(2), 1e-12);
    }

    [Fact]
    public void Schedules_are_found_by_their_names()
    {
        foreach (var (name, schedule) in ScheduleCatalog.All)
        {
            Assert.Equal(21, schedule.Levels(20).Length);
            Assert.Equal(schedule, ((Ddrm)SolverCatalog.Create("ddrm", SolverSettings.Parse([$"schedule={name}"]))).Schedule);
        }
    }

    [Fact]
    public void Levels_outside_the_range_of_a_prior_move_to_its_ends()
    {
        double[] levels = new ExplicitSchedule(100, 50, 3, 0.1, 0.01, 0.001).Levels(6, (0.05, 40));
        Assert.Equal([40, 3, 0.1, 0.05, 0], levels);
    }

    [Theory]
    [InlineData("", "expected a number")]
    [InlineData("ddim333", "no whole stride")]
    [InlineData("600,600", "a section of 500 times has no 600")]
    [InlineData("10,x", "expected a number")]
    [InlineData("0", "expected a number")]
    public void A_wrong_spacing_is_refused_with_the_reason(string spacing, string reason)
    {
        var error = Assert.Throws<ArgumentException>(() => VpSchedule.Linear().Respace(spacing));
        Assert.Contains(reason, error.Message);
        Assert.Contains($"'{spacing}'", error.Message);
    }

    [Fact]
    public void Levels_that_do_not_descend_are_refused() => Assert.Throws<ArgumentException>(() => new ExplicitSchedule(1, 2));

    [Fact]
    public void A_number_of_steps_that_the_process_lacks_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => VpSchedule.Linear().Levels(1001));

    private static void Equal(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i])), FormattableString.Invariant($"{what}[{i}]: expected {expected[i]}, found {actual[i]}"));
    }
}
