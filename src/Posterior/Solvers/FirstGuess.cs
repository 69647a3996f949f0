using Posterior.Diffusion;
using Posterior.Operators;
using Posterior.Torch;

namespace Posterior.Solvers;

/// <summary>Where an iteration starts.</summary>
public enum FirstGuess
{
    /// <summary>The measurement seen as a picture: itself where it has the image's shape, enlarged (<see cref="Bicubic"/>) where it is smaller, else the pseudo-inverse.</summary>
    Picture,

    /// <summary><c>H^T y</c>.</summary>
    Adjoint,
}

internal static class FirstGuesses
{
    /// <summary>The first image; a tensor of its own.</summary>
    public static Tensor Of(this FirstGuess guess, LinearOperator h, Tensor y)
    {
        using var scope = new Scope();
        // What an operator of the user's gives back may be the measurement itself.
        return scope.Keep(RestorerPicture.Of(guess == FirstGuess.Adjoint ? RestorerInput.Adjoint : RestorerInput.Picture, 1, h, y).Clone());
    }
}
