using Posterior.Training;

namespace Posterior.Tests.Training;

public sealed class LossWatchTests
{
    [Fact]
    public void A_loss_that_stays_far_above_its_beginning_has_run_away()
    {
        var watch = new LossWatch();
        for (var i = 0; i < 20; i++) Assert.False(watch.HasRunAway(i % 2 == 0 ? 0.5 : -1.5));
        Assert.Equal(1, watch.Beginning!.Value, 1e-12);
        for (var i = 0; i < 19; i++) Assert.False(watch.HasRunAway(1001));
        Assert.True(watch.HasRunAway(1001));
    }

    [Fact]
    public void A_resumed_watch_knows_where_the_loss_began()
    {
        var watch = new LossWatch();
        watch.Resume(1);
        for (var i = 0; i < 19; i++) Assert.False(watch.HasRunAway(1001));
        Assert.True(watch.HasRunAway(1001));
    }

    [Fact]
    public void Single_large_losses_and_falling_ones_are_no_flight()
    {
        var watch = new LossWatch();
        for (var i = 0; i < 500; i++) Assert.False(watch.HasRunAway(i % 20 == 19 ? 1e9 : 1.0 / (i + 1)));
    }
}
