# SPDX-License-Identifier: Apache-2.0
"""Runs the methods of an object that are named step_, in their order, and
prints one JSON object: {step: null or traceback}."""
import asyncio
import inspect
import json
import traceback


async def _run(make):
    scenario, outcome = make(), {}
    for name in [name for name in vars(type(scenario))
                 if name.startswith("step_")]:
        try:
            done = getattr(scenario, name)()
            if inspect.isawaitable(done):
                await done
            outcome[name] = None
        except Exception:  # whatever a library raises is the step's failure
            outcome[name] = traceback.format_exc()
    return outcome


def run(make):
    print(json.dumps(asyncio.run(_run(make))))
