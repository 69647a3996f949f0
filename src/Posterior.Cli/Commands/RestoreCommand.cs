using System.CommandLine;
using System.Globalization;
using Posterior.Evaluation;
using Posterior.Solvers;

namespace Posterior.Cli.Commands;

/// <summary><c>posterior restore</c>: restores images from measurements.</summary>
internal static class RestoreCommand
{
    public static Command Create()
    {
        var inputs = new Argument<string[]>("Y") { Description = "Measurements: images, .npy arrays, folders or globs.", Arity = ArgumentArity.OneOrMore };
        var (op, output, seed, bits, json, force) =
            (Options.Operator(), Options.Output("The restored image; a folder for several."), Options.Seed(), Options.Bits(), Options.Json(), Options.Force());
        var sigma = Options.Text("--sigma", "The noise level for images in [0, 1], as 0.05 or 25/255; auto estimates it. [default: 0]", "S");
        var solver = Options.Text("--solver", "The method; 'posterior solvers' lists all. [default: ddrm]", "SOLVER");
        var steps = Options.Number<int>("--steps", "Steps of the solver. [default: the method's; 20 for ddrm]", "N");
        var eta = Options.Number<double>("--eta", "The share of fresh noise. [default: the method's]", "X");
        var etaB = Options.Number<double>("--eta-b", "DDRM's share of the measurement. [default: 1]", "X");
        var travelLength = Options.Number<int>("--travel-length", "DDNM's time travel: levels that it goes up.", "N");
        var travelRepeat = Options.Number<int>("--travel-repeat", "DDNM's time travel: walks of each stretch.", "N");
        var preset = Options.Text("--preset", "SSD's settings by name: 30, 100, 30-colorization, 100-colorization. [default: 30]", "NAME");
        var zeta = Options.Number<double>("--zeta", "The length of the descent of dps and mcg, the fresh noise of diffpir. [default: the method's]", "X");
        var set = Options.Several("--set", "A setting of the solver, as rho=0.4; may be repeated. 'posterior solvers' lists them with their defaults.", "NAME=VALUE");
        var samples = Options.Number<int>("--samples", "Draw K samples; writes OUT.0.png, ..., OUT.mean.png and OUT.std.png too.", "K", 1);
        var size = Options.Text("--size", "The size of the image, where the measurement does not tell it.", "WxH");
        var command = new Command("restore", "Restores images from measurements with a diffusion model as prior.")
        {
            inputs, op, sigma, output, solver, steps, eta, etaB, travelLength, travelRepeat, preset, zeta, set, samples, size, seed, bits, json, force,
        };
        var prior = new PriorOptions(command);
        command.SetAction(parsed =>
        {
            var settings = new RestorationSettings
            {
                Operator = parsed.GetRequiredValue(op),
                Sigma = RestorationSettings.ParseSigma(parsed.GetValue(sigma) ?? "0"),
                Solver = parsed.GetValue(solver) ?? "ddrm",
                SolverSettings = SolverSettings.Parse([.. parsed.GetValue(set) ?? [], .. parsed.GetValue(preset) is { } name ? [$"preset={name}"] : Array.Empty<string>()])
                    .With("steps", parsed.GetValue(steps))
                    .With("eta", parsed.GetValue(eta))
                    .With("eta-b", parsed.GetValue(etaB))
                    .With("travel-length", parsed.GetValue(travelLength))
                    .With("travel-repeat", parsed.GetValue(travelRepeat))
                    .With("zeta", parsed.GetValue(zeta)),
                Prior = prior.Read(parsed),
                Samples = parsed.GetValue(samples) ?? 1,
                Size = parsed.GetValue(size) is { } text ? ImageSize.Parse(text) : null,
                Seed = parsed.GetValue(seed) ?? 0,
                Bits = parsed.GetValue(bits),
            };
            using var job = new RestorationJob(settings, Environment.CurrentDirectory);
            var plan = BatchPlan.Of(parsed.GetRequiredValue(inputs), parsed.GetRequiredValue(output), MeasurementFile.HasExtension, extension => extension is ".tif" or ".tiff" ? extension : ".png");
            foreach (var item in plan.Items) RestorationJob.CheckOutput(item.Output, settings.Bits);
            if (job.Note is { } note) Terminal.Note(note);
            return Batch.Run(
                plan, "restoring", job.Steps, parsed.GetValue(json),
                item => parsed.GetValue(force) ? null : job.Finished(item.Input, item.Output),
                (item, report) =>
                {
                    var receipt = job.Run(item.Input, item.Output, new Reporter<RestorationStep>(step => report(step.Sample * step.Steps + step.Step + 1)), Interrupts.Token);
                    // Where the noise level is estimated, what follows from it is known afterwards.
                    foreach (var late in job.Note is null ? receipt.Notes ?? [] : []) Terminal.Note(late);
                    return receipt;
                },
                Describe);
        });
        return command;
    }

    private static string Describe(Receipt receipt) => string.Create(
        CultureInfo.InvariantCulture,
        $"{receipt.Outputs[0].Path}  image {receipt.ImageSize}  {receipt.Evaluations} evaluations  {receipt.Seconds:0.0} s  sigma {receipt.Sigma:0.####}  residual {receipt.DataResidual:0.######} (sigma^2 {receipt.NoiseVariance:0.######})");
}
