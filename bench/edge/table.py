# SPDX-License-Identifier: Apache-2.0
"""Ratios of runs that took turns, and how they are shown."""

import dataclasses
import statistics


@dataclasses.dataclass
class Ratios:
    name: str
    ours: list
    others: list

    def of(self, what):
        """Ratios of each pair of runs, for "rate", "cpu" or "p99"."""
        return [getattr(a, what) / getattr(b, what)
                for a, b in zip(self.ours, self.others)]

    def more_cpu_us(self):
        return [(a.cpu - b.cpu) * 1e6
                for a, b in zip(self.ours, self.others)]


def spread(values):
    return (f"{statistics.median(values):.2f} "
            f"({min(values):.2f} to {max(values):.2f})")


def show(rows):
    print("| what | throughput | CPU per request | p99 | CPU more, us |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {spread(row.of('rate'))} | "
              f"{spread(row.of('cpu'))} | {spread(row.of('p99'))} | "
              f"{spread(row.more_cpu_us())} |", flush=True)
