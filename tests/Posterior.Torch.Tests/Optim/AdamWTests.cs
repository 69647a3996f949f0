using Posterior.Torch.Optim;

namespace Posterior.Torch.Tests.Optim;

public sealed class AdamWTests
{
    [Fact]
    public void The_first_step_is_the_learning_rate_against_the_sign_of_the_gradient()
    {
        using var scope = new Scope();
        var x = Tensor.From([1.0, -2, 3], 3);
        x.RequiresGrad = true;
        using var adam = new AdamW([("x", x)]) { LearningRate = 0.1 };
        (x * Tensor.From([5.0, -0.01, 0], 3)).Sum().Backward();
        adam.Step();

        // m / (1 - b1) = g and v / (1 - b2) = g^2, so the step is 0.1 g / (|g| + 1e-8); at -0.01 this is 0.1 (1 - 1e-6).
        var expected = new[] { 1 - 0.1 * 5 / (5 + 1e-8), -2 + 0.1 * 0.01 / (0.01 + 1e-8), 3 };
        Assert.All(x.Detach().ToArray<double>().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 12));
        Assert.Null(x.Grad());
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void Many_steps_follow_the_published_formulas(double decay)
    {
        using var scope = new Scope();
        const double rate = 0.05, b1 = 0.8, b2 = 0.95, epsilon = 1e-6;
        var x = Tensor.From([0.5, -1.5, 2.0, 0.1], 2, 2);
        x.RequiresGrad = true;
        using var adam = new AdamW([("x", x)]) { LearningRate = rate, Beta1 = b1, Beta2 = b2, Epsilon = epsilon, WeightDecay = decay };
        var (w, m, v) = (new[] { 0.5, -1.5, 2.0, 0.1 }, new double[4], new double[4]);
        for (var t = 1; t <= 25; t++)
        {
            using var step = new Scope();
            x.Pow(4).Sum().Backward();
            adam.Step(scale: 0.5);
            for (var i = 0; i < 4; i++)
            {
                var g = 0.5 * 4 * w[i] * w[i] * w[i];
                m[i] = b1 * m[i] + (1 - b1) * g;
                v[i] = b2 * v[i] + (1 - b2) * g * g;
                w[i] -= rate * decay * w[i];
                w[i] -= rate * (m[i] / (1 - Math.Pow(b1, t))) / (Math.Sqrt(v[i] / (1 - Math.Pow(b2, t))) + epsilon);
            }
            Assert.All(x.Detach().ToArray<double>().Zip(w), pair => Assert.Equal(pair.Second, pair.First, 10));
        }
        Assert.Equal(25, adam.Steps);
    }

    [Fact]
    public void Biases_are_not_decayed_and_parameters_without_gradient_stay()
    {
        using var scope = new Scope();
        var (bias, idle) = (Tensor.Ones([2]), Tensor.Ones([2, 2]));
        bias.RequiresGrad = true;
        idle.RequiresGrad = true;
        using var adam = new AdamW([("bias", bias), ("idle", idle)]) { LearningRate = 0.1, WeightDecay = 0.5 };
        (bias * 0).Sum().Backward();
        adam.Step();
        Assert.Equal([1f, 1], bias.Detach().ToArray<float>());
        Assert.Equal([1f, 1, 1, 1], idle.Detach().ToArray<float>());
    }

    [Fact]
    public void The_gradient_norm_is_that_of_all_gradients_together()
    {
        using var scope = new Scope();
        var (a, b) = (Tensor.Ones([1]), Tensor.Ones([2, 1]));
        a.RequiresGrad = true;
        b.RequiresGrad = true;
        using var adam = new AdamW([("a", a), ("b", b)]);
        (a * 3).Sum().Backward();
        (b * Tensor.From([0f, 4], 2, 1)).Sum().Backward();
        Assert.Equal(5, adam.GradientNorm(), 6);
        Assert.Equal(["a.exp_avg", "a.exp_avg_sq", "b.exp_avg", "b.exp_avg_sq"], adam.State.Select(state => state.Name));
    }
}
