# SPDX-License-Identifier: Apache-2.0
"""schemathesis makes requests from the OpenAPI document that the server hands
out, good and bad ones, always the same, and holds the answers against it."""
import os
import re
import subprocess

import once
import steps

FOLDER = steps.HERE / "schemathesis"
CHECKS = ("status_is_documented", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance")
SECONDS = 60  # of making requests; more only where the machine is busy
EXAMPLES = 10


def test_answers_are_as_documented(engine, tmp_path):
    python = once.venv("schemathesis", FOLDER / "requirements.txt")
    url = f"http://127.0.0.1:{engine.port}"
    done = subprocess.run(
        [python.with_name("st"), "run", f"{url}/openapi.json", "--no-color",
         "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
         "--max-examples", str(EXAMPLES), "--max-time", str(SECONDS),
         "--generation-deterministic", "--request-timeout", "30",
         "--warnings", "off"],
        capture_output=True, text=True, timeout=4 * SECONDS, cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "AZIMUTH_URL": url,
             "PYTHONPATH": str(FOLDER)})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    operations = len([method for path in
                      engine.call("GET", "/openapi.json").json["paths"].values()
                      for method in path])
    tested = int(re.search(r"Tested: (\d+)", done.stdout)[1])
    assert tested >= operations - 1  # the document itself is not asked for
    generated = int(re.search(r"(\d+) generated", done.stdout)[1])
    assert generated > 10 * operations
    print(done.stdout[-1500:])
