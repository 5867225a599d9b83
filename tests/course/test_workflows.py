"""The workflows of GitHub Actions: pinned, least in rights, bounded in time; and their shell, where it can run here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from course.layout import ROOT

PATHS = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PATHS}
JOBS = {f"{name}/{job}": body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
BLOCKS = {f"{name}/{number}": step["run"] for number, (name, step) in enumerate(STEPS) if "run" in step}
needs_bash = pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")


def block(job: str, name: str) -> str:
    """The shell of the step with this name."""
    (shell,) = [step["run"] for where, step in STEPS if where == job and step.get("name") == name]
    return shell


def run(shell: str, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run a block as GitHub runs it, in ``folder``."""
    environment = os.environ | variables | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", shell]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_there_are_the_three_workflows():
    assert set(WORKFLOWS) == {"test", "publish", "weekly"}


def test_each_action_is_githubs_own_and_pinned_by_commit_with_its_version():
    form = re.compile(r"\s*(- )?uses: (actions/[a-z-]+)@([0-9a-f]{40})  # (v\d+\.\d+\.\d+)")
    lines = [line for path in PATHS for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines and [line for line in lines if not form.fullmatch(line)] == []
    pins = {form.fullmatch(line).groups()[1:] for line in lines}
    assert len(pins) == len({action for action, _, _ in pins}), "one action, one version"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert WORKFLOWS[name]["concurrency"]["group"]
    assert WORKFLOWS[name]["defaults"]["run"]["shell"] == "bash"  # with pipefail, and on Windows too


def test_only_the_job_that_runs_none_of_our_code_may_write():
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "publish/push": {"contents": "write"}
    }
    used = [step["uses"].partition("@")[0] for step in JOBS["publish/push"]["steps"] if "uses" in step]
    assert used == ["actions/download-artifact"] and JOBS["publish/push"]["needs"] == "build"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_in_time(name):
    assert 0 < JOBS[name]["timeout-minutes"] <= 90


def test_no_checkout_leaves_its_token_behind_and_no_secret_is_asked_for():
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)
    text = "".join(path.read_text(encoding="utf-8") for path in PATHS)
    assert "secrets" not in text and "pull_request_target" not in text
    assert text.count("github.token") == 1


def test_a_fork_needs_to_change_nothing():
    addresses = re.findall(r"https?://[^\s'\"]+", "".join(path.read_text(encoding="utf-8") for path in PATHS))
    assert set(addresses) == {"https://download.pytorch.org/whl/cpu"}


@pytest.mark.parametrize("name", BLOCKS)
def test_what_a_step_runs_exists(name):
    assert "${{" not in BLOCKS[name], "a value that GitHub writes into a script can end the script: use env"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^\s*make ([a-z-]+)", BLOCKS[name], re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for path in re.findall(r"(?<![\w/.])(?:scripts|\.ci)/[\w./]+", BLOCKS[name]):
        assert (ROOT / path).is_file(), path


@needs_bash
@pytest.mark.parametrize("name", BLOCKS)
def test_bash_can_read_each_step(name):
    assert subprocess.run(["bash", "-n"], input=BLOCKS[name], capture_output=True, text=True).stderr == ""


def test_the_actions_are_kept_up_to_date():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert [update["package-ecosystem"] for update in updates] == ["github-actions"]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def fork(tmp_path):
    """An empty repository, as GitHub would hold it, and a way to publish a build to it."""
    repository = tmp_path / "host/someone/course"
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet", "--bare")

    def publish(build: str, **files: str):
        folder = tmp_path / build
        for name, text in {"site/index.html": "a page", "colab/chapters/01_game.ipynb": "{}", **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        place = {"GITHUB_SERVER_URL": (tmp_path / "host").as_uri(), "GITHUB_REPOSITORY": "someone/course"}
        return run(block("publish/push", "Push both branches"), folder, **place, GITHUB_SHA=build, TOKEN="a token")

    return repository, publish


@needs_bash
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_publishing_replaces_both_branches_and_nothing_else(fork, tmp_path):
    repository, publish = fork
    files = {"site/_static/old.css": "", "site/.gitignore": "index.html"}
    assert (done := publish("one", **files)).returncode == 0, done.stderr
    assert done.stderr == ""
    tree = ("ls-tree", "-r", "--name-only")
    assert git(repository, *tree, "gh-pages").split() == [".gitignore", ".nojekyll", "_static/old.css", "index.html"]
    assert git(repository, *tree, "colab").split() == ["chapters/01_game.ipynb"]

    work = tmp_path / "work"  # the owner gives the site a domain, and there are branches of their own
    git(tmp_path, "clone", "--quiet", "--branch", "gh-pages", str(repository), "work")
    (work / "CNAME").write_text("course.example.org")
    git(work, "add", "CNAME")
    git(work, "commit", "--quiet", "-m", "Create CNAME")
    git(work, "push", "--quiet", "origin", "gh-pages", "gh-pages:main")
    main = git(repository, "rev-parse", "main")

    assert (done := publish("two", **{"colab/chapters/02_more.ipynb": "{}"})).returncode == 0, done.stderr
    assert git(repository, *tree, "gh-pages").split() == [".nojekyll", "CNAME", "index.html"]
    assert git(repository, "show", "gh-pages:CNAME") == "course.example.org"
    assert git(repository, *tree, "colab").split() == ["chapters/01_game.ipynb", "chapters/02_more.ipynb"]
    assert git(repository, "log", "--format=%s", "gh-pages") == git(repository, "log", "--format=%s", "colab")
    assert git(repository, "log", "--format=%s", "colab") == "Built from two\n"
    assert git(repository, "rev-parse", "main") == main
    assert "a token" not in "".join(path.read_text(errors="replace") for path in (tmp_path / "two").rglob("config"))


@needs_bash
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_where_there_is_nothing_to_push_to_publishing_fails(fork):
    repository, publish = fork
    shutil.rmtree(repository)
    assert publish("one").returncode != 0


@needs_bash
@pytest.mark.parametrize(
    ("code", "broken", "passes"),
    [
        (0, [], True),
        (1, ["404 Client Error: Not Found for url: https://example.org/"], False),
        (1, ["HTTPSConnectionPool(host='gone.example.org'): Max retries exceeded"], False),
        (1, ["403 Client Error: Forbidden for url: https://example.org/"], True),
        (1, None, False),  # it stopped before it wrote a line
        (2, [], False),
    ],
)
def test_a_dead_link_fails_and_a_publisher_that_refuses_robots_does_not(tmp_path, code, broken, passes):
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {code}\n")
    python.chmod(0o755)
    if broken is not None:
        lines = [f'{{"status": "broken", "uri": "https://example.org/", "info": "{info}"}}' for info in broken]
        lines.append('{"status": "working", "uri": "https://example.org/", "info": ""}')
        (tmp_path / "_build/links").mkdir(parents=True)
        (tmp_path / "_build/links/output.json").write_text("\n".join(lines) + "\n")
    assert (run(block("weekly/book", "Follow every link"), tmp_path).returncode == 0) == passes
