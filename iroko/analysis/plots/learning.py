"""The learning curve: reward against training steps, with the other schemes' scores as levels."""

from matplotlib.figure import Figure

from iroko.analysis.plots.style import add_legend, label, look, new_figure
from iroko.analysis.scores import Score
from iroko.rundir.reader import RunData


def draw_learning(run: RunData, scores: list[Score]) -> Figure:
    """Draw the reward per step of each agent's training episodes, and the score of each baseline as a horizontal line."""
    figure, axes = new_figure(2.3)
    for agent, curve in run.learning.groupby("agent", sort=False):
        # Episodes of environments side by side end at one step: their mean is one point.
        rewards = curve.groupby("step")["reward"].mean()
        steps = rewards.index / 1e3
        style = look(str(agent))
        window = max(1, len(rewards) // 20)
        axes.plot(steps, rewards, color=style.color, linewidth=0.5, alpha=0.35)
        smooth = rewards.rolling(window, min_periods=1).mean()
        axes.plot(steps, smooth, label=label(str(agent)), marker=style.marker, markevery=max(1, len(rewards) // 8), **style.line)
    learned = set(run.learning["agent"])
    for score in scores:
        if score.scheme not in learned:
            axes.axhline(score.reward, label=label(score.scheme), linewidth=1.0, **look(score.scheme).line)
    axes.set_xlabel("training steps (thousands)")
    axes.set_ylabel("reward per step")
    axes.set_xlim(left=0)
    add_legend(figure, axes)
    return figure
