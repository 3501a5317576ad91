"""What a backtest counted, as text and as an HTML page that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from service.policy.model import Action
from service.rehearsal.backtest import Change, Tally

Row = tuple[str, str, str]

_DONE: Final = {
    Action.REFUSE.value: "refused",
    Action.REWRITE.value: "rewritten",
    Action.FORWARD.value: "forwarded",
}
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1c2733}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "border-bottom:1px solid #dde3ea;text-align:left;vertical-align:top}"
    "td:nth-child(2),th:nth-child(2){text-align:right}td{font-size:14px}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and a table of three columns under it."""

    title: str
    heads: Row
    rows: tuple[Row, ...]


def sections(tally: Tally) -> tuple[Section, ...]:
    """What was counted: first what would be stricter, then what would be looser, then by rule."""
    ordered = sorted(tally.changes.items(), key=lambda item: _order(*item[0]))
    changes = [_changed(tally, *actions, change) for actions, change in ordered]
    return (*changes, _held(tally))


def text(title: str, tally: Tally) -> str:
    """The report as lines of text."""
    lines = [title, _summary(tally)]
    for section in sections(tally):
        lines += ["", section.title]
        shown = [section.heads, *section.rows]
        widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
        lines += [
            f"    {name:<{widths[0]}}  {count:>{widths[1]}}  {rest}".rstrip()
            for name, count, rest in shown
        ]
    return "\n".join(lines)


def page(title: str, tally: Tally) -> str:
    """The report as a whole HTML page."""
    shown = (
        f"<h2>{escape(section.title)}</h2>{_table(section.heads, section.rows)}"
        for section in sections(tally)
    )
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
            f"<p>{escape(_summary(tally))}</p>",
            *shown,
            "</html>",
            "",
        ]
    )


def _summary(tally: Tally) -> str:
    if not tally.records:
        return "No decision is recorded in this time."
    times = f"{_time(tally.first)} to {_time(tally.last)}"
    same = tally.records - tally.changed
    return (
        f"{tally.records:,} recorded decisions, {times}: {same:,} would come out alike, "
        f"{tally.changed:,} otherwise ({tally.changed / tally.records:.2%})."
    )


def _order(was: str, would: str) -> tuple[int, str]:
    return -abs(Action(would).strictness) if _stricter(was, would) else 1, was


def _stricter(was: str, would: str) -> bool:
    return Action(would).strictness > Action(was).strictness


def _changed(tally: Tally, was: str, would: str, change: Change) -> Section:
    share = change.all.count / tally.records
    title = f"Would be {_DONE[would]}, and was {_DONE[was]}: {change.all.count:,} ({share:.2%})"
    by = "by rule" if _stricter(was, would) else "by rule that held"
    found = sorted(change.rules.items(), key=lambda item: (-item[1].count, item[0]))
    rows = tuple(
        (name, f"{each.count:,}", ", ".join(one for _, one in each.examples))
        for name, each in found
    )
    return Section(title=title, heads=(by, "decisions", "the first of them"), rows=rows)


def _held(tally: Tally) -> Section:
    rows = tuple(_difference(name, *tally.held[name]) for name in sorted(tally.held))
    return Section(
        title="How often each rule held", heads=("rule", "held", "would hold"), rows=rows
    )


def _difference(name: str, was: int, would: int) -> Row:
    apart = f" ({would - was:+,})" if would != was else ""
    return name, f"{was:,}", f"{would:,}{apart}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"<table>{''.join(_lines(heads, rows))}</table>"


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"<tr>{''.join(f'<th>{escape(each)}</th>' for each in heads)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
