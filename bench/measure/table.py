# SPDX-License-Identifier: Apache-2.0
"""Tables of text, numbers as ratios."""


def ratio(value, unit, digits=2):
    """value / unit as text; "-" when either is missing or zero."""
    return "-" if not value or not unit else f"{value / unit:.{digits}f}"


def text(heads, rows):
    """Columns as wide as needed; the first to the left, others to the
    right."""
    lines = [[str(cell) for cell in line] for line in [heads, *rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join("  ".join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)
