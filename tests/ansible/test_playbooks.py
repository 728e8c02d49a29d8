# SPDX-License-Identifier: Apache-2.0
"""What can be said of the playbooks without a machine: style, and inputs that
stop them at once."""
import json
import os
import re
import subprocess

import pytest
import yaml

from conftest import INVENTORY, PLAYBOOKS, ROOT

ANSIBLE = ROOT / "ansible"


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY)
    return path


def test_yamllint(environment):
    done = subprocess.run(["yamllint", "--strict", "-c", ".yamllint", "."],
                          cwd=ANSIBLE, env=environment, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout


def test_ansible_lint(environment):
    done = subprocess.run(["ansible-lint", "--offline", "-q"], cwd=ANSIBLE,
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_installer_neither_tests_nor_rolls_back():
    books = yaml.safe_load((PLAYBOOKS / "00_install.yaml").read_text())
    assert [b["ansible.builtin.import_playbook"] for b in books] == \
        ["10_deploy.yaml", "17_configure_discovery.yaml"]
    assert (PLAYBOOKS / "VERSION").read_text() == "0.1.0\n"


def test_the_components_page_finds_its_playbooks():
    page = json.loads((PLAYBOOKS / "optional_components.json").read_text())
    component = page["qdrant"]
    assert (component["category"], component["icon"],
            component["namespace"]) == ("ai", "/icons/tk_vector.svg", "qdrant")
    assert component["requirements"] == ["keycloak", "harbor"]
    assert component["playbooks"].keys() == {"install", "test", "uninstall"}
    for name in component["playbooks"].values():
        assert (PLAYBOOKS / name).exists()


@pytest.mark.parametrize("change, password, words", [
    ({}, "", "ADMIN_PASSWORD is not set"),
    ({"domain_name": ""}, "x", "Set it in the inventory"),
    ({"domain_name": "a b"}, "x", "is no domain"),
    ({"keycloak_url": "auth.example.com"}, "x", "must be an address"),
    ({"keycloak_realm": ""}, "x", "the name of a realm"),
    ({"azimuth_platform": "cloud"}, "x", "must be one of: bare, k8s"),
])
def test_what_is_missing_stops_it(play, inventory, change, password, words):
    extra = [f"{k}='{v}'" for k, v in change.items()]
    done = play(inventory, "00_install.yaml",
                *(word for pair in extra for word in ("-e", pair)),
                ADMIN_PASSWORD=password)
    told = re.sub(r"\s+", " ", done.out)
    assert done.code != 0 and words in told, done
    assert done.changed == 0


@pytest.mark.parametrize("more, words", [
    ({"qdrant_cluster": {"kind": "QdrantCluster", "spec": {"sise": 3}}},
     "QdrantCluster: spec: sise is not known; did you mean size?"),
    ({"qdrant_operator_settings": {"settings": {"qdrnt": {}}}},
     "operator: settings: qdrnt is not known; did you mean qdrant?"),
    ({"qdrant_cluster": {"kind": "QdrantCluster", "metadata": {
        "namespace": "there"}, "spec": {"size": 1}}},
     "is for the namespace there, and qdrant_namespace is qdrant"),
])
def test_documents_of_other_clouds_are_looked_at_first(play, tmp_path, more,
                                                       words):
    path = tmp_path / "inventory.yaml"
    path.write_text(yaml.safe_dump({"all": {
        "vars": {**yaml.safe_load(INVENTORY)["all"]["vars"], **more,
                 "azimuth_platform": "k8s"},
        "children": {"k8s_control_plane": {"hosts": {"box": None}}}}}))
    done = play(path, "00_install.yaml", ADMIN_PASSWORD="x")
    assert done.code != 0 and words in re.sub(r"\s+", " ", done.out), done
    assert done.changed == 0


def test_a_second_gateway_is_refused(play, tmp_path):
    """Each has sessions of its own."""
    given = yaml.safe_load(INVENTORY)
    given["all"]["children"]["azimuth_gateway"]["hosts"]["other"] = None
    path = tmp_path / "inventory.yaml"
    path.write_text(yaml.safe_dump(given))
    done = play(path, "00_install.yaml", ADMIN_PASSWORD="x")
    assert done.code != 0 and "For several gateways use Kubernetes" in re.sub(
        r"\s+", " ", done.out), done
    assert done.changed == 0


def test_rollback_asks_for_a_word(play, inventory):
    done = play(inventory, "19_rollback.yaml")
    assert done.code != 0 and "confirm_delete=true" in done.out, done
    assert done.changed == 0


def test_tasks_with_secrets_are_silent():
    """A task that handles a password, a token, a secret or a key says so."""
    words = re.compile(r"password|Authorization|client-secret|\.value|"
                       r"_headers|b64decode|api_key \}\}")
    bare = []
    for path in sorted(ANSIBLE.glob("roles/*/tasks/*.yml")):
        def walk(tasks):
            for task in tasks:
                for part in ("block", "always", "rescue"):
                    walk(task.get(part) or [])
                module = next((k for k in task if "." in k), None)
                if module is None or module.rsplit(".", 1)[-1] not in (
                        "uri", "copy", "slurp", "template"):
                    continue
                text = yaml.dump(task[module])
                if words.search(text) and not task.get("no_log"):
                    bare.append(f"{path.relative_to(ANSIBLE)}: {task['name']}")
        walk(yaml.safe_load(path.read_text()))
    assert not bare


def test_bare_hosts_need_no_collection():
    """A module that is not there stops the whole task file."""
    assert not [path for path in ANSIBLE.glob("roles/*/*/*.yml")
                if "kubernetes.core." in path.read_text() and
                not path.name.endswith("k8s.yml")]


def shell_of(path, name):
    """What a task runs, with the folder that its loop would give."""
    task, = [t for t in yaml.safe_load((ANSIBLE / path).read_text())
             if t["name"] == name]
    return task["ansible.builtin.shell"]["cmd"]


@pytest.mark.skipif(os.getuid() != 0, reason="mounts need root")
def test_a_removal_empties_what_is_mounted(tmp_path):
    """A disk at the folder of the data, and one within: nothing of them stays,
    they stay mounted, and the second time there is nothing to do."""
    script = shell_of("roles/rollback/tasks/bare.yml", "Remove the data")
    data, other = tmp_path / "engine", tmp_path / "linked"
    for folder in (data, other / "deep"):
        folder.mkdir(parents=True)
    (other / "deep" / "segment").write_text("x")
    (tmp_path / "link").symlink_to(other)
    (tmp_path / "kept").write_text("x")

    def remove(folder):
        return script.replace("{{ item | quote }}", f"'{folder}'")

    story = f"""set -e
mount -t tmpfs none {data}
mkdir {data}/storage {data}/snapshots {data}/lost+found
mount -t tmpfs none {data}/storage
mkdir -p {data}/storage/a/b
touch {data}/storage/a/b/c {data}/x "{data}/snapshots/a name"
ln -s {tmp_path}/kept {data}/way-out
for i in 1 2; do ( {remove(data)}
); echo ==; done
find {data} | sort; echo ==
for i in 1 2; do ( {remove(tmp_path / 'link')}
); done
"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", story],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second, left, linked = done.stdout.split("==\n")
    mounted = [f"{data}{name} is empty and still mounted"
               for name in ("/storage", "")]
    assert first.splitlines() == [*mounted, "removed"]
    assert second.splitlines() == mounted
    assert left.split() == [str(data), f"{data}/lost+found", f"{data}/storage"]
    assert linked.splitlines() == ["removed"]
    assert {p.name for p in tmp_path.iterdir()} == {"engine", "kept"}


def test_the_gateway_trusts_what_the_playbook_trusts(play, tmp_path):
    """Also on another machine than the engine's, whose address it has."""
    role = ANSIBLE / "roles/gateway"
    given = yaml.safe_load(INVENTORY)
    given["all"]["children"]["azimuth_engine"]["hosts"] = {
        "far": {"ansible_host": "192.0.2.7"}}
    inventory, book = tmp_path / "inventory.yaml", tmp_path / "book.yaml"
    inventory.write_text(yaml.safe_dump(given))
    book.write_text(yaml.safe_dump([{
        "hosts": "box", "gather_facts": False,
        "vars_files": [str(role / "defaults/main.yml"),
                       str(role / "vars/main.yml")],
        "tasks": [{"ansible.builtin.template": {
            "src": str(role / "templates/place.conf.j2"),
            "dest": f"{tmp_path}/{name}", "mode": "0600"}, "vars": {
                "gateway_templates": str(ROOT / "ingress/nginx"),
                "gateway_nginx_version": "1.22.1",
                "item": "nginx.conf", **more}} for name, more in {
                    "without": {}, "with": {
                        "keycloak_ca_file": "/etc/ssl/own.pem"}}.items()]}]))
    done = play(inventory, book)
    assert done.code == 0, done
    line = "\n        trusted_certificate " \
        "/etc/azimuth/gateway/tls/issuer-ca.pem;"
    assert line in (tmp_path / "with").read_text()
    assert line not in (tmp_path / "without").read_text()
    assert "server 192.0.2.7:6333;" in (tmp_path / "with").read_text()
