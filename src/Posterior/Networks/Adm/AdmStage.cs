using Posterior.Torch;
using Posterior.Torch.Nn;

namespace Posterior.Networks.Adm;

/// <summary>One entry of <c>input_blocks</c>, <c>middle_block</c> or <c>output_blocks</c>: layers one after another, named by their position.</summary>
public sealed class AdmStage : Module
{
    /// <summary>Appends a layer; its key is its position.</summary>
    /// <returns>This stage.</returns>
    public AdmStage Then(Module layer)
    {
        Add($"{Children.Count}", layer);
        return this;
    }

    /// <summary>Applies the layers to features <c>[N, C, H, W]</c>.</summary>
    /// <param name="x">The features.</param>
    /// <param name="activatedEmbedding">SiLU of the time embedding.</param>
    /// <param name="skip">Features of the encoder, whose channels the first layer, a residual block, sees after those of <paramref name="x"/>; or null.</param>
    public Tensor Forward(Tensor x, Tensor activatedEmbedding, Tensor? skip = null)
    {
        using var scope = new Scope();
        foreach (var (_, layer) in Children)
        {
            if (skip is not null && layer is not AdmResidualBlock) throw new InvalidOperationException($"a stage that takes a skip cannot begin with a {layer.GetType().Name}");
            var next = layer switch
            {
                AdmResidualBlock block => block.Forward(x, activatedEmbedding, skip),
                AdmAttentionBlock attention => attention.Forward(x),
                AdmResampler resampler => resampler.Forward(x),
                Conv2d convolution => convolution.Forward(x),
                _ => throw new InvalidOperationException($"a stage cannot hold a {layer.GetType().Name}"),
            };
            (x, skip) = (next, null);
        }
        return scope.Keep(x);
    }
}
