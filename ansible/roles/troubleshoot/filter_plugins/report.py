# SPDX-License-Identifier: Apache-2.0
"""What the role troubleshoot makes of what its tasks have registered:

    looked | report_bare(lines)     {'seen': {...}, 'found': [...]}
    looked | report_k8s(lines)      the same
    pods | containers_to_read       {pod, container, previous} for their logs
    pods | commands_to_run(looks)   {pod, name, command} for the engine's

`seen` is for a person's eyes, `found` names what is wrong. Both are redacted:
what could be a key, a token or a password is cut out.
"""
import re

SECRETS = (
    # What follows a question mark: codes of a login, keys.
    (re.compile(r"(?<=[^\s?])\?[^\s\"'?]*[=&][^\s\"']*"), "?..."),
    (re.compile(r"\beyJ[\w-]{4,}(\.[\w-]*){1,4}"), "..."),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://...@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ..."),
    (re.compile(r"(?i)([\w-]*(?:api[-_ ]?key|access[-_ ]?key|token|secret|"
                r"passw(?:or)?d|authorization|cookie|credential)[\w-]*[\"']?"
                r"\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;]+)"), r"\1..."))
TROUBLE = re.compile(
    r"\b(error|warn|warning|crit|alert|emerg|fatal|panic|failed|failure|"
    r"cannot|denied|refused|killed|corrupt\w*|no space)\b", re.I)
HEALTHY = re.compile(r"\b(0 (errors|failed|warnings)|INFO)\b")


def redacted(text):
    lines = text if isinstance(text, list) else str(text).splitlines()
    result = []
    for line in lines:
        for pattern, shown in SECRETS:
            line = pattern.sub(shown, line)
        result.append(line.rstrip())
    return result


def with_trouble(lines, count=10):
    return [line for line in redacted(lines)
            if TROUBLE.search(line) and not HEALTHY.search(line)][-count:]


def cause(lines):
    found = with_trouble(lines, 1) or [x for x in redacted(lines) if x][-1:]
    return found[0] if found else "its log is empty"


def state_of_unit(text):
    return dict(line.split("=", 1) for line in text.splitlines()
                if "=" in line)


def unit_finding(unit, text, lines):
    state = state_of_unit(text)
    if state.get("LoadState") == "not-found":
        return [f"{unit} is not installed: 10_deploy.yaml does it"]
    if state.get("ActiveState") != "active":
        return [f"{unit} is {state.get('ActiveState', 'unknown')} "
                f"({state.get('Result', '')}, status "
                f"{state.get('ExecMainStatus', '')}): {cause(lines)}"]
    if state.get("NRestarts", "0") != "0":
        return [f"{unit} was started again {state['NRestarts']} times: "
                f"{cause(lines)}"]
    return []


def answer(result):
    return f"{result.get('status', -1)} " + " ".join(
        str(result.get("content") or result.get("msg", "")).split())


# Of commands: what their text says is wrong.
def judged(name, result):
    text = result.get("stdout") or ""
    if name == "full disks":
        return text.splitlines()
    if name == "doctor":
        return [f"azimuthctl doctor: {line[4:].strip()}"
                for line in text.splitlines() if line.startswith("fail ")]
    if name == "certificate" and result.get("rc"):
        return ["the certificate ends soon, has ended, or cannot be read: "
                + " ".join(text.split())]
    if name == "configuration" and result.get("rc"):
        return [f"nginx does not take its configuration: "
                f"{cause(text.splitlines())}"]
    return []


# What a browser got: (what it means, whether that is as it should be).
def verdict(name, result):
    status = result.get("status", -1)
    location = str(result.get("location", ""))
    if status == -1:
        return f"{name}: no answer: {result.get('msg', '')}", False
    if name == "dashboard":
        return (f"dashboard: {status}, as without a session a login is asked "
                f"for by 302", status == 302 and "/oauth2/start" in location)
    if name == "login":
        return (f"login: {status}, to {location.split('?')[0] or 'nowhere'}",
                status == 302 and "://" in location)
    if name == "API":
        return f"API: {status}", status in (200, 401)
    origin = result.get("access_control_allow_origin")
    wanted = result["item"]["headers"]["Origin"]
    return (f"CORS: pages of {origin or 'nobody'} may read the API, and "
            f"{wanted} has to", origin in (wanted, "*"))


def results(looked, name):
    return (looked.get(name) or {}).get("results") or []


def as_a_browser(looked):
    """(what was seen, what of it is wrong)"""
    told = [verdict(one["item"]["name"], one)
            for one in results(looked, "asked")]
    return ([line for line, _ in told],
            [line for line, is_good in told if not is_good])


def report_bare(looked, lines):
    """looked: what was registered as states, logs, ready, asked and looks."""
    logs = {one["item"]: one.get("stdout_lines") or []
            for one in results(looked, "logs")}
    seen, found = {}, []
    for one in results(looked, "states"):
        unit, text = one["item"], one.get("stdout") or ""
        found += unit_finding(unit, text, logs.get(unit, []))
        seen[unit] = {
            "state": text.splitlines(), "last lines":
            logs.get(unit, [])[-lines:], "lines of trouble":
            with_trouble(logs.get(unit, []))}
    seen["ready"] = [f"{one['item']}: {answer(one)}"
                     for one in results(looked, "ready")]
    found += [f"{one['item']} says {answer(one)}"
              for one in results(looked, "ready") if one.get("status") != 200]
    seen["as a browser"], ill = as_a_browser(looked)
    found += ill
    for one in results(looked, "looks"):
        name = one["item"]["key"]
        seen[name] = (one.get("stdout") or one.get("stderr")
                      or "").splitlines()
        found += judged(name, one)
    return cleaned({"seen": seen, "found": found})


def cleaned(report):
    """Every text of it, redacted."""
    if isinstance(report, dict):
        return {key: cleaned(value) for key, value in report.items()}
    return redacted(report)


def containers(pod):
    status = pod.get("status") or {}
    return [one for kind in ("initContainerStatuses", "containerStatuses")
            for one in status.get(kind) or []]


def state_of(status):
    """`waiting: ImagePullBackOff (text)`, and how the last one ended."""
    said = []
    for name, state in (status.get("state") or {}).items():
        more = [str(state[key]) for key in ("reason", "exitCode", "message")
                if state.get(key) not in (None, "")]
        said.append(f"{name}: {', '.join(more)}" if more else name)
    last = (status.get("lastState") or {}).get("terminated")
    if last:
        said.append(f"the one before ended: {last.get('reason', '')}, exit "
                    f"{last.get('exitCode', '')}")
    return "; ".join(said)


def pod_lines(pod):
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    return [f"{name}: {status.get('phase', 'unknown')} on "
            f"{pod['spec'].get('nodeName') or 'no node'}"] + [
        f"{name}/{one['name']}: "
        f"{'ready' if one.get('ready') else 'not ready'}, "
        f"{one.get('restartCount', 0)} restarts, {one.get('image')}; "
        f"{state_of(one)}" for one in containers(pod)]


def pod_findings(pod, logs):
    """logs: {pod/container: lines}."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    found = [f"{name} has no node: {condition.get('message', '')}"
             for condition in status.get("conditions") or []
             if condition.get("type") == "PodScheduled" and
             condition.get("status") == "False"]
    for one in containers(pod):
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended.get("reason") == "Completed" or \
                one.get("ready") and not one.get("restartCount"):
            continue
        which = f"{name}/{one['name']}"
        what = "was started again" if one.get("ready") else "is not ready"
        found.append(f"{which} {what} ({state_of(one)}): "
                     f"{cause(logs.get(which, []))}")
    return found


def containers_to_read(pods):
    return [{"pod": pod["metadata"]["name"], "container": one["name"],
             "previous": previous}
            for pod in pods for one in containers(pod)
            for previous in (False, True)
            if not previous or one.get("restartCount")]


def commands_to_run(pods, looks):
    return [{"pod": pod["metadata"]["name"], "name": name, "command": command}
            for pod in pods
            if (pod["metadata"].get("labels") or {}).get("app") == "qdrant" and
            (pod.get("status") or {}).get("phase") == "Running"
            for name, command in looks.items()]


def of_kind(looked, name):
    return [item for one in results(looked, name)
            for item in one.get("resources") or []]


def workload(item):
    wanted = (item.get("spec") or {}).get("replicas", 1)
    ready = (item.get("status") or {}).get("readyReplicas") or 0
    line = (f"{item['kind']} {item['metadata']['name']}: {ready} of {wanted} "
            "pods are ready")
    return line, ready >= wanted


def addresses(item):
    """Of an EndpointSlice: how many are ready."""
    ends = item.get("endpoints") or []
    ready = [end for end in ends
             if (end.get("conditions") or {}).get("ready") is not False]
    return len(ready), len(ends)


def services(slices):
    counts = {}
    for item in slices:
        name = (item["metadata"].get("labels") or {}).get(
            "kubernetes.io/service-name", item["metadata"]["name"])
        ready, known = counts.get(name, (0, 0))
        more = addresses(item)
        counts[name] = ready + more[0], known + more[1]
    return counts


def when(item):
    return str(item.get("lastTimestamp") or item.get("eventTime") or "")


def event(item):
    about = item.get("involvedObject") or {}
    return (f"{when(item)} "
            f"{about.get('kind', '')}/{about.get('name', '')} "
            f"{item.get('reason', '')}: "
            f"{' '.join(str(item.get('message', '')).split())}")


def release(is_now):
    if not is_now:
        return ["there is no release qdrant: 10_deploy.yaml makes it"]
    if is_now.get("status") != "deployed":
        return [f"the release is {is_now.get('status')}: 10_deploy.yaml "
                "finishes it"]
    return []


def objects(looked):
    """Workloads, claims and services: (what was seen, what of it is wrong)."""
    parts = [workload(item) for item in of_kind(looked, "workloads")]
    claims = [(item["metadata"]["name"], item.get("status") or {})
              for item in of_kind(looked, "claims")]
    counts = services(of_kind(looked, "slices"))
    seen = {
        "workloads": [line for line, _ in parts],
        "claims": [f"{name}: {status.get('phase')}, "
                   f"{(status.get('capacity') or {}).get('storage', 'no size')}"
                   for name, status in claims],
        "ready endpoints": [f"{name}: {ready} of {known}"
                            for name, (ready, known) in counts.items()]}
    found = [f"{one['item']['kind']} {one['item']['name']} is missing"
             for one in results(looked, "workloads")
             if not one.get("resources")]
    found += [line for line, is_ready in parts if not is_ready]
    found += [f"the claim {name} is {status.get('phase')}, not Bound"
              for name, status in claims if status.get("phase") != "Bound"]
    found += [f"the service {name} has no endpoint that is ready"
              for name, (ready, _) in counts.items() if not ready]
    return seen, found


def inside(looked):
    """What commands in the engine's pods said."""
    seen, found = {}, []
    for one in results(looked, "inside"):
        name = one["item"]["name"]
        text = one.get("stdout") or one.get("stderr") or one.get("msg") or ""
        seen[f"{one['item']['pod']}: {name}"] = text.splitlines()
        found += judged(name, {**one, "stdout": text})
    return seen, found


def keys(names):
    missing = {"client-secret", "identity-key", "session-key",
               "valkey-password"} - set(names or [])
    return [f"the secret oauth2-proxy has no {', '.join(sorted(missing))}: "
            "10_deploy.yaml fills it"] if missing else []


def report_k8s(looked, lines):
    """looked: what was registered as workloads, pods, claims, slices, events,
    logs, inside, asked and certificate; the release, and the names of the
    secret's keys."""
    logs = {}
    for one in results(looked, "logs"):
        which = f"{one['item']['pod']}/{one['item']['container']}"
        # The one before, where there is one, has the cause.
        logs[which] = logs.get(which, []) + (one.get("log_lines") or [])
    pods = of_kind(looked, "pods")
    seen, found = objects(looked)
    found = release(looked.get("release")) + found
    seen = {"release": [f"{key}: {value}" for key, value in
                        (looked.get("release") or {}).items()], **seen,
            "pods": [line for pod in pods for line in pod_lines(pod)],
            "events": [event(item) for item in sorted(
                of_kind(looked, "events"), key=when)][-20:],
            "logs": {which: said[-lines:] for which, said in logs.items()},
            "lines of trouble": {which: with_trouble(said)
                                 for which, said in logs.items()}}
    found += [line for pod in pods for line in pod_findings(pod, logs)]
    certificate = looked.get("certificate") or {}
    seen["certificate"] = (certificate.get("stdout") or "").splitlines()
    seen["as a browser"], ill = as_a_browser(looked)
    more, worse = inside(looked)
    found += ill + worse + judged("certificate", certificate) + \
        keys(looked.get("keys"))
    return cleaned({"seen": {**seen, **more}, "found": found})


class FilterModule:
    def filters(self):
        return {"report_bare": report_bare, "report_k8s": report_k8s,
                "containers_to_read": containers_to_read,
                "commands_to_run": commands_to_run}
