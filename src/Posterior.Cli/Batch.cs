using Posterior.Evaluation;
using Posterior.Models;
using Posterior.Solvers;
using Posterior.Torch;
using Posterior.Torch.Nn;
using Posterior.Torch.Weights;

namespace Posterior.Cli;

/// <summary>Runs one piece of work for each file of a plan: what is finished is skipped, what fails is told at the end and stops nothing else.</summary>
internal static class Batch
{
    /// <param name="plan">The files.</param>
    /// <param name="title">What is done, for the progress bar.</param>
    /// <param name="json">Whether results are printed as JSON.</param>
    /// <param name="finished">The receipt of finished work; null for work to do.</param>
    /// <param name="run">The work; reports which share of it is done.</param>
    /// <param name="describe">A line about a result.</param>
    /// <returns>The exit code.</returns>
    public static int Run(
        BatchPlan plan, string title, bool json, Func<BatchItem, Receipt?> finished, Func<BatchItem, Action<double>, Receipt> run, Func<Receipt, string> describe)
    {
        var folders = plan.Items.Select(item => Path.GetDirectoryName(Path.GetFullPath(item.Output))!).Distinct().ToArray();
        var missing = folders.Where(folder => !Directory.Exists(folder)).ToArray();
        foreach (var folder in folders) OutputSet.CheckWritable(folder);
        var (results, skipped, failures) = (new List<Receipt>(), new List<string>(), new List<BatchFailure>());
        BatchFailure? end = null;
        try
        {
            ProgressView.Run(title, plan.Items.Count, view =>
            {
                for (var i = 0; i < plan.Items.Count; i++)
                {
                    Interrupts.Token.ThrowIfCancellationRequested();
                    var (item, before) = (plan.Items[i], (double)i);
                    view.Report(before, plan.IsBatch ? $"{title} {i + 1}/{plan.Items.Count} {Path.GetFileName(item.Input)}" : $"{title} {Path.GetFileName(item.Input)}");
                    try
                    {
                        if (finished(item) is not null) skipped.Add(item.Output);
                        else results.Add(run(item, done => view.Report(before + done)));
                    }
                    catch (Exception error) when (plan.IsBatch && !IsFatal(error))
                    {
                        failures.Add(new(item.Input, Terminal.Message(error)));
                    }
                    catch (Exception error) when (error is not OperationCanceledException)
                    {
                        end = new(item.Input, Terminal.Message(error));
                        throw;
                    }
                }
                return true;
            });
        }
        finally
        {
            // Also after an interrupt: what is finished stays.
            Print(plan, json, results, skipped, failures, end, describe);
            foreach (var folder in missing.OrderByDescending(folder => folder.Length)) RemoveIfEmpty(folder);
        }
        return failures.Count > 0 ? 1 : 0;
    }

    /// <summary>Removes a folder that was made for outputs, of which there are none.</summary>
    public static void RemoveIfEmpty(string folder)
    {
        try
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Another process may be writing there.
        }
    }

    private static void Print(BatchPlan plan, bool json, List<Receipt> results, List<string> skipped, List<BatchFailure> failures, BatchFailure? end, Func<Receipt, string> describe)
    {
        if (json)
        {
            // What ended the work is told as a problem elsewhere.
            List<BatchFailure> all = end is null ? failures : [.. failures, end];
            if (results.Count + skipped.Count + all.Count > 0) Terminal.Json(new BatchResult(results, skipped, all), ResultJson.Default.BatchResult);
        }
        else
        {
            foreach (var receipt in results) Terminal.Line(describe(receipt));
            if (!plan.IsBatch && skipped.Count > 0) Terminal.Line($"{Terminal.OneLine(skipped[0])} is finished already, with these settings (--force does it again)");
            if (plan.IsBatch) Terminal.Line($"{results.Count} done, {skipped.Count} finished before, {failures.Count} failed, of {plan.Items.Count}");
        }
        foreach (var failure in failures) Terminal.Problem($"{failure.Input}: {failure.Message}");
    }

    // A model that cannot be used fails for every file alike.
    private static bool IsFatal(Exception error) => error is OperationCanceledException or (ModelException and not ModelMismatchException) or UnsupportedModelException or SolverOptionsException or WeightFileException or StateDictException or BridgeException or TypeInitializationException;
}
