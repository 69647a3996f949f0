namespace Posterior.Torch.Tests;

public sealed class LifetimeTests
{
    [Fact]
    public void Nested_scopes_free_inside_out_and_kept_tensors_climb_one_scope_at_a_time()
    {
        var before = LiveHandles.Count();
        using (var outer = new Scope())
        {
            Tensor kept;
            using (var inner = new Scope())
            {
                kept = inner.Keep(Tensor.Ones([2]) * 3);
                Assert.Equal(before + 2, Tensor.LiveCount);
            }
            Assert.Equal(before + 1, Tensor.LiveCount);
            Assert.Equal([3f, 3], kept.ToArray<float>());
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void An_exception_frees_what_its_scopes_hold()
    {
        var before = LiveHandles.Count();
        Assert.Throws<TorchException>(() =>
        {
            using var outer = new Scope();
            var a = Tensor.Ones([2, 3]);
            using var inner = new Scope();
            (a + 1).MatMul(a + 2);
        });
        Assert.Equal(before, Tensor.LiveCount);
        using var usable = new Scope();
        Assert.Equal(2, (Tensor.Ones([1]) + 1).Item());
    }

    [Fact]
    public void An_owned_tensor_outlives_its_scope()
    {
        Tensor owned;
        using (new Scope()) owned = Tensor.Ones([1]).Own();
        Assert.Equal(1, owned.Item());
        owned.Dispose();
        owned.Dispose();
    }

    [Fact]
    public void Use_after_free_is_an_exception_in_every_position_of_a_call()
    {
        using var scope = new Scope();
        var freed = Tensor.Ones([1, 2, 3, 3]);
        freed.Dispose();
        var alive = Tensor.Ones([1, 2, 3, 3]);
        using var layer = new Torch.Nn.Conv2d(2, 2, 1);
        using var norm = new Torch.Nn.GroupNorm(1, 2);
        var live = LiveHandles.Count();
        Assert.Throws<ObjectDisposedException>(() => freed + alive);
        Assert.Throws<ObjectDisposedException>(() => alive + freed);
        Assert.Throws<ObjectDisposedException>(() => Tensor.Cat([alive, freed]));
        Assert.Throws<ObjectDisposedException>(() => freed.ToArray<float>());
        Assert.Throws<ObjectDisposedException>(() => freed.Item());
        Assert.Throws<ObjectDisposedException>(() => freed.Silu());
        Assert.Throws<ObjectDisposedException>(() => layer.Forward(freed));
        Assert.Throws<ObjectDisposedException>(() => layer.Forward(alive, residual: freed));
        Assert.Throws<ObjectDisposedException>(() => norm.Forward(alive, scale: freed));
        Assert.Equal(live, Tensor.LiveCount);

        // The failed calls gave their references back.
        alive.Dispose();
        Assert.True(alive.IsClosed);
        Assert.Equal(live - 1, Tensor.LiveCount);
    }

    [Fact]
    public void A_scope_is_closed_after_those_inside_it()
    {
        var outer = new Scope();
        var inner = new Scope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        outer.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void Replacing_the_state_of_a_loop_holds_one_state()
    {
        var before = LiveHandles.Count();
        using (new Scope())
        {
            var state = Tensor.Zeros([1]);
            for (var i = 0; i < 10; i++)
            {
                using var step = new Scope();
                step.Replace(ref state, state + 1);
                step.Replace(ref state, state);
            }
            Assert.Equal(before + 1, Tensor.LiveCount);
            Assert.Equal(10, state.Item());
        }
        Assert.Equal(before, Tensor.LiveCount);
    }

    [Fact]
    public void Nothing_is_recorded_without_gradients_and_the_mode_comes_back()
    {
        using var scope = new Scope();
        var x = Tensor.Ones([2]);
        x.RequiresGrad = true;
        using (new NoGrad())
        {
            Assert.False((x * 2).RequiresGrad);
            using (new WithGrad()) Assert.True((x * 2).RequiresGrad);
            Assert.False((x * 2).RequiresGrad);
        }
        Assert.True((x * 2).RequiresGrad);
    }

    [Fact]
    public void Threads_have_scopes_of_their_own()
    {
        var before = LiveHandles.Count();
        using (new Scope())
        {
            Parallel.For(0, 32, _ =>
            {
                using var scope = new Scope();
                Assert.Equal(6, (Tensor.Ones([3]) * 2).Sum().Item());
            });
            Assert.Equal(before, Tensor.LiveCount);
        }
    }
}
