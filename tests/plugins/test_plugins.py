"""Kinds of other distributions: found, checked, used, and refused in one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugins.packages import EXAMPLE, install, install_example, with_site, write_metadata
from sandbox import Sandbox

from hmlc_ray.config.objective import ObjectiveConfig, ObjectiveSection
from hmlc_ray.config.plugin_errors import exits_as_errors, raised_by
from hmlc_ray.config.plugins import GROUPS, build, installed, lacking, with_plugins
from hmlc_ray.config.schema import members
from hmlc_ray.errors import CheckpointError, ConfigError, DataError, error_sentence
from hmlc_ray.runs.recording import plugin_tags
from hmlc_ray.sweep.doctor.nodes import packages
from hmlc_ray.sweep.train.params import received
from hmlc_ray.training.checkpoint_files import read_meta
from hmlc_ray.training.export.encoder import CONFIG_FILE
from hmlc_ray.training.export.reading import read_export

CONFIG = """
from typing import Literal
from hmlc_ray.config.objective import ObjectiveSection

class Config(ObjectiveSection):
    kind: Literal["{kind}"] = "{kind}"
    {more}
    def build(self, dims):
        raise RuntimeError("no objective after all")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the path for distributions."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = {*sys.modules}
    installed.cache_clear()
    yield tmp_path
    installed.cache_clear()
    for name in {*sys.modules} - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def objective(site: Path, name: str, kind: str, *, more: str = "", version: str = "1") -> None:
    point = {kind: f"{name.replace('-', '_')}:Config"}
    install(site, name, CONFIG.format(kind=kind, more=more), {GROUPS["objective"]: point}, version)


def test_two_plugins_work_together(site: Path) -> None:
    objective(site, "one-loss", "one")
    objective(site, "other-loss", "other", version="2.5")
    found = installed()
    assert [(plugin.kind, str(plugin)) for plugin in found] == [("one", "one-loss 1"), ("other", "other-loss 2.5")]
    own = members(ObjectiveConfig)
    assert members(with_plugins("objective", ObjectiveConfig)) == (*own, *(plugin.config for plugin in found))
    assert plugin_tags(found) == {
        "hmlc.plugins": "objective.kind one: one-loss 1; objective.kind other: other-loss 2.5"
    }


BROKEN = {
    "a module that is missing": ("import hmlc_nowhere\n", "cannot be loaded: ModuleNotFoundError: No module named"),
    "a mistake in the code": ("def f(:\n", "cannot be loaded: SyntaxError: "),
    "a name that is missing": ("x = 1\n", "cannot be loaded: AttributeError: "),
    "a program that exits": ("raise SystemExit(3)\n", "cannot be loaded: SystemExit: 3"),
    "an error that is not an Exception": (
        "class Panic(BaseException): pass\nraise Panic('here')\n",
        "cannot be loaded: Panic: here",
    ),
    "no class": ("Config = 3\n", "cannot be used: it must be a subclass of hmlc_ray.config.objective.ObjectiveSection"),
    "another section's": (
        "from hmlc_ray.config.encoder import MlpConfig as Config\n",
        "cannot be used: it must be a subclass of hmlc_ray.config.objective.ObjectiveSection",
    ),
    "no kind": (
        "from hmlc_ray.config.objective import ObjectiveSection as Config\n",
        'cannot be used: it needs a key `kind: Literal["x"] = "x"`',
    ),
    "no builder": (
        "from hmlc_ray.config.objective import SupconConfig\nclass Config(SupconConfig): pass\n",
        "cannot be used: it has no method `build`",
    ),
    "a kind that cannot be written": (CONFIG.format(kind="a.b", more=""), "cannot be used: it needs a key `kind: "),
    "a list": (CONFIG.format(kind="x", more="sizes: list[int] = [1]"), "its key sizes holds a list, a set or a map"),
    "a type that is nowhere": (
        CONFIG.format(kind="x", more="size: 'Nowhere' = 3"),
        "the types of its keys cannot be resolved: ",
    ),
    "a type that exits": (
        CONFIG.format(kind="x", more="size: '__import__(\"sys\").exit(4)' = 3").replace(
            "from typing", "from __future__ import annotations\nfrom typing"
        ),
        "cannot be loaded: SystemExit: 4",
    ),
    "keys of any name": (
        CONFIG.format(kind="x", more="model_config = {'extra': 'allow'}"),
        "its sections must stay frozen and forbid other keys",
    ),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_in_one_sentence(site: Path, code: str, message: str) -> None:
    install(site, "broken-loss", code, {GROUPS["objective"]: {"thing": "broken_loss:Config"}}, "0.3")
    with pytest.raises(ConfigError) as caught:
        installed()
    text = str(caught.value)
    assert text.startswith(
        "the plug-in thing of broken-loss 0.3 (broken_loss:Config in hmlc_ray.objectives) cannot be "
    )
    assert message in text
    assert text.endswith("; repair or uninstall broken-loss")
    assert "\n" not in text


def test_a_plugin_that_prints_leaves_json_alone(tmp_path: Path) -> None:
    code = "print('hello')\n" + CONFIG.format(kind="loud", more="")
    install(tmp_path, "loud-loss", code, {GROUPS["objective"]: {"loud": "loud_loss:Config"}})
    (tmp_path / "t.yaml").write_text("objective: {kind: loud}\n")
    command = [sys.executable, "-m", "hmlc_ray.cli", "check", "t.yaml", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | with_site(tmp_path), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["config"]["objective"]["kind"] == "loud"
    assert "hello" in done.stderr
    closed = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command],
        cwd=tmp_path,
        env=os.environ | with_site(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "config" not in closed.stderr


def test_a_kind_that_is_taken_twice_is_refused_with_both_owners(site: Path) -> None:
    objective(site, "my-loss", "supcon")
    with pytest.raises(
        ConfigError, match=r"objective.kind supcon is taken twice: by hmlc-ray itself and by the plug-in my-loss 1"
    ):
        with_plugins("objective", ObjectiveConfig)


def test_two_plugins_of_one_kind_are_refused_with_both_owners(site: Path) -> None:
    objective(site, "a-loss", "same")
    objective(site, "b-loss", "same", version="2")
    with pytest.raises(
        ConfigError, match=r"kind same is taken twice: by the plug-in a-loss 1 and by the plug-in b-loss 2"
    ):
        with_plugins("objective", ObjectiveConfig)


def test_the_same_distribution_twice_on_the_path_counts_once(
    site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective(site, "one-loss", "one")
    other = tmp_path_factory.mktemp("other")
    objective(other, "one-loss", "one", version="9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert [str(plugin) for plugin in installed()] == ["one-loss 1"]


def test_a_plugin_that_fails_to_build_is_named(site: Path) -> None:
    objective(site, "one-loss", "one")
    (plugin,) = installed()
    with pytest.raises(ConfigError) as caught:
        build(plugin.config(), {}, object, None)
    assert str(caught.value) == "the plug-in one-loss 1 cannot build kind one: RuntimeError: no objective after all"


RUNNING = """
import torch
from typing import Literal
from pydantic import model_validator
from hmlc_ray.config.objective import ObjectiveSection

class Panic(BaseException):
    pass

class Config(ObjectiveSection):
    kind: Literal["odd"] = "odd"
    at: Literal["never", "check", "build", "forward"] = "never"
    code: int = 0

    @model_validator(mode="after")
    def _exit(self):
        return leave(self) if self.at == "check" else self

    def build(self, dims):
        from hmlc_ray.objectives import Objective

        class Odd(Objective):
            def forward(odd, batch):
                leave(self)

        return leave(self) if self.at == "build" else Odd()

def leave(config):
    raise Panic("over") if config.code == 9 else SystemExit(config.code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("at", "code", "error"), [("check", 9, "Panic: over"), ("forward", 0, "SystemExit: 0")])
def test_a_plugin_that_ends_the_process_is_named(sandbox: Sandbox, at: str, code: int, error: str) -> None:
    site = sandbox.folder / "site"
    install(site, "odd-loss", RUNNING, {GROUPS["objective"]: {"odd": "odd_loss:Config"}})
    file = sandbox.folder / "t.yaml"
    file.write_text(f"objective: {{kind: odd, at: {at}, code: {code}}}\ntraining: {{epochs: 1, device: cpu}}\n")
    done = sandbox.hmlc("train", str(file), env=with_site(site))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"hmlc: the plug-in odd-loss 1 raised {error}")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("code", "error"), [(0, "SystemExit: 0"), (9, "Panic: over")])
def test_a_plugin_that_ends_the_process_in_build_is_named(site: Path, code: int, error: str) -> None:
    install(site, "odd-loss", RUNNING, {GROUPS["objective"]: {"odd": "odd_loss:Config"}})
    (plugin,) = installed()
    with pytest.raises(ConfigError) as caught:
        build(plugin.config(at="build", code=code), {}, object, None)
    assert str(caught.value) == f"the plug-in odd-loss 1 cannot build kind odd: {error}"


def test_exits_are_errors_while_training_and_a_ctrl_c_stays_one(site: Path) -> None:
    install(site, "odd-loss", RUNNING, {GROUPS["objective"]: {"odd": "odd_loss:Config"}})
    (plugin,) = installed()
    config = plugin.config(at="build")
    with pytest.raises(ConfigError, match=r"^the plug-in odd-loss 1 raised SystemExit: 0$"), exits_as_errors():
        config.build(None)  # type: ignore[attr-defined]
    for error in (SystemExit(0), StopIteration()):
        with pytest.raises(ConfigError, match=f"^training raised {error_sentence(error)}$"), exits_as_errors():
            raise error
    for kept in (KeyboardInterrupt(), DataError("no"), ValueError("no")):
        with pytest.raises(type(kept)) as caught, exits_as_errors():
            raise kept
        assert caught.value is kept
        assert raised_by(kept) is None


def test_what_a_plugin_builds_must_be_of_the_right_class(site: Path) -> None:
    class Config(ObjectiveSection):
        kind: str = "mine"

        def build(self, fails: bool) -> object:
            if fails:
                raise DataError("there is no such file")
            return 3

    with pytest.raises(ConfigError, match=r"Config must build an instance of builtins.str for kind mine, got int"):
        build(Config(), {}, str, False)
    with pytest.raises(DataError, match="there is no such file"):
        build(Config(), {}, str, True)


RECORD = {"section": "objective", "kind": "centroid", "distribution": "hmlc-example", "version": "1.2"}
NEEDED = "objective.kind centroid needs the plug-in hmlc-example 1.2, which is not installed "


def test_a_missing_plugin_is_named_wherever_its_configuration_is_read(site: Path) -> None:
    assert lacking([RECORD]) == f"{NEEDED}here: pip install hmlc-example==1.2"
    assert lacking(None) is None
    with pytest.raises(ConfigError) as caught:
        received({"trial": {}, "plugins": [RECORD]})
    assert str(caught.value).startswith(f"{NEEDED}on node ")
    (site / "meta.json").write_text(json.dumps({"format": 1, "plugins": [RECORD]}))
    with pytest.raises(CheckpointError) as refused:
        read_meta(site)
    assert str(refused.value) == f"checkpoint {site} cannot be read: {NEEDED}here: pip install hmlc-example==1.2"
    (site / CONFIG_FILE).write_text(json.dumps({"trial": {"objective": {"kind": "centroid"}}, "plugins": [RECORD]}))
    with pytest.raises(CheckpointError) as unread:
        read_export(site)
    assert (
        str(unread.value) == f"the exported encoder {site} cannot be read: {NEEDED}here: pip install hmlc-example==1.2"
    )
    install_example(site)
    installed.cache_clear()
    assert lacking([RECORD]) is None
    assert read_meta(site)["plugins"] == [RECORD]


@pytest.mark.parametrize("plugins", [3, ["x"], [{"kind": "x"}]])
def test_damaged_records_of_plugins_are_refused(site: Path, plugins: Any) -> None:
    (site / "meta.json").write_text(json.dumps({"format": 1, "plugins": plugins}))
    with pytest.raises(CheckpointError, match="is damaged: its plugins are not a list of records"):
        read_meta(site)
    (site / CONFIG_FILE).write_text(json.dumps({"plugins": plugins}))
    with pytest.raises(CheckpointError, match="is damaged: its plugins are not a list of records"):
        read_export(site)


USED = """
import json, sys
from hmlc_ray.config.files import load_trial
from hmlc_ray.config.plugin_errors import exits_as_errors, raised_by
from hmlc_ray.config.plugins import records_of
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.config.target import load_target
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError

def refused(read, *args):
    try:
        read(*args)
    except ConfigError as error:
        return str(error)

space, searched = sys.argv[1], load_sweep(sys.argv[1])
print(json.dumps({
    "last kinds": [[*kinds(TrialConfig.model_fields[name])][-1] for name in ("data", "encoder", "objective")],
    "data": load_target("stripes").data.kind,
    "branches": [*searched.search_space().branches["objective"]],
    "records": [record["kind"] for record in records_of(searched.base_trial())],
    "near": refused(load_trial, space, ["objective={kind: centroids}"]),
    "per level": refused(load_sweep, space, ["space.objective.branch.centroid={temperature: {choice: [[1, 1, 1]]}}"]),
    "bound": refused(load_sweep, space, ["space.objective.branch.centroid={used_dims: {int: [1, 9]}}"]),
    "unknown key": refused(load_trial, space, ["objective={kind: centroid, chunk: 3}"]),
    "modality": refused(load_trial, space, ["encoder={kind: pointnet}"]),
    "loaded": sorted({"torch", "numpy", "ray", "optuna", "mlflow"} & set(sys.modules)),
}))
"""
SPACE = """
study: {name: plugged, num_trials: 2, sampler: {kind: random}}
base:
  data: {kind: stripes}
  encoder: {kind: pooled}
  head: {hidden_dim: 8, embedding_dim: 8}
  training: {epochs: 2, global_batch_size: 32}
  evaluation: {every: 1, probe_regularisation: [0.1]}
space:
  objective.level_weights: {simplex: levels}
  objective:
    branch:
      centroid: {used_dims: {int: [4, 8]}}
      sum-supcon:
"""


def test_a_plugin_is_part_of_the_configuration_without_torch(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    env = {"PATH": "", **with_site(install_example(tmp_path / "site"))}
    code = [sys.executable, "-c", USED, str(tmp_path / "space.yaml")]
    done = subprocess.run(code, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["last kinds"] == ["stripes", "pooled", "centroid"]
    assert said["data"] == "stripes"
    assert said["branches"] == ["centroid", "sum-supcon"]
    assert sorted(said["records"]) == ["centroid", "pooled", "stripes"]
    assert "\"centroids\" (did you mean 'centroid'?); the kinds are simclr, " in said["near"]
    assert said["near"].endswith(", cross-entropy, centroid")
    assert "objective.temperature holds 3 values, one is needed for each of the 2 levels" in said["per level"]
    assert "objective.used_dims (9) must not exceed head.embedding_dim (8)" in said["bound"]
    assert said["unknown key"].endswith(
        "objective of kind centroid takes kind, temperature, level_weights, level_ratio, used_dims"
    )
    assert "encoder.kind is pointnet, which takes points, but data.kind stripes gives images" in said["modality"]
    assert said["loaded"] == []


def test_a_command_refuses_a_broken_plugin_and_says_which(tmp_path: Path) -> None:
    install(tmp_path, "bad-loss", "import nowhere\n", {GROUPS["objective"]: {"bad": "bad_loss:Config"}})
    file = EXAMPLE.parents[2] / "search_spaces" / "digits.yaml"
    command = [str(Path(sys.executable).with_name("hmlc")), "check", str(file)]
    done = subprocess.run(command, env=with_site(tmp_path), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "hmlc: the plug-in bad of bad-loss 1 (bad_loss:Config in hmlc_ray.objectives) cannot "
    )
    assert done.stderr.count("\n") == 1


def test_without_plugins_no_metadata_is_read() -> None:
    code = "import sys, hmlc_ray.config.trial; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr


def test_nodes_are_asked_for_the_versions_of_plugins(site: Path) -> None:
    objective(site, "one-loss", "one")
    assert packages()[-1] == "one-loss"


def test_the_example_of_the_page_is_a_plugin(site: Path) -> None:
    page = (EXAMPLE.parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,), (project,) = (re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("python", "toml"))
    described = tomllib.loads(project)["project"]
    (site / "hmlc_example").mkdir()
    (site / "hmlc_example" / "config.py").write_text(code, encoding="utf-8")
    write_metadata(site, described["name"], described["version"], described["entry-points"])
    (plugin,) = installed()
    assert (plugin.section, plugin.kind, str(plugin)) == ("objective", "centroid", "hmlc-example 1.2")
    refused = (
        "the plug-in centroid of hmlc-example 1.2 (hmlc_example.config:CentroidConfig in hmlc_ray.objectives) cannot"
    )
    assert f"hmlc: {refused} be loaded: " in page


def test_the_tables_of_the_configuration_show_what_is_installed(tmp_path: Path) -> None:
    code = [sys.executable, str(EXAMPLE.parents[2] / "docs" / "reference.py"), "--print"]
    env = with_site(install_example(tmp_path))
    shown = subprocess.run(code, env=env, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "- `kind: centroid`: Every row is classified by the nearest" in shown
    assert "| `cells` | pooled | an integer from 1 to 32 | `4` | Cells along each side. |" in shown
