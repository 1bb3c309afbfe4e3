"""Kinds that other installed distributions add to the configuration, by entry points; see `docs/plugins.md`.

An entry point of one of the `GROUPS` names a configuration class, whose `build` makes what it configures. The class is
imported whenever a configuration is read, so its module has to be light; `build` imports the rest.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from hmlc_ray.config.base import Section
from hmlc_ray.config.encoder import EncoderSection
from hmlc_ray.config.objective import ObjectiveSection
from hmlc_ray.config.schema import SectionType, members
from hmlc_ray.config.splits import DataSection
from hmlc_ray.config.unions import BY_KIND
from hmlc_ray.errors import ConfigError, HmlcError, error_sentence, first_line
from hmlc_ray.names.nearest import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from hmlc_ray.config.trial import TrialConfig

GROUPS = {"data": "hmlc_ray.data", "encoder": "hmlc_ray.encoders", "objective": "hmlc_ray.objectives"}
"""The group of entry points by section of the trial."""
BASES: dict[str, SectionType] = {"data": DataSection, "encoder": EncoderSection, "objective": ObjectiveSection}
"""What a plug-in's configuration class has to be a subclass of."""
KIND = r"[A-Za-z0-9][A-Za-z0-9_-]*"
Record = dict[str, str]
"""`section`, `kind`, `distribution` and `version` of a plug-in, as files keep it."""
T = TypeVar("T")


class Plugin(NamedTuple):
    """A kind that an installed distribution brings."""

    section: str
    kind: str
    config: SectionType
    distribution: str
    version: str
    """Empty where the distribution does not say."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    def record(self) -> Record:
        return {name: getattr(self, name) for name in ("section", "kind", "distribution", "version")}


def with_plugins(section: str, union: Any) -> Any:
    """A union of configuration classes with those that are installed for this section.

    Raises:
        ConfigError: if a plug-in cannot be loaded or used, or two have the same kind; see `installed`.
    """
    own = members(union)
    taken = {str(known.model_fields["kind"].default): "hmlc-ray itself" for known in own}
    found = [plugin for plugin in installed() if plugin.section == section]
    for plugin in found:
        if plugin.kind in taken:
            raise ConfigError(
                f"{section}.kind {plugin.kind} is taken twice: by {taken[plugin.kind]} and by the plug-in {plugin}; "
                f"uninstall {plugin.distribution}, or another version of it may have another kind"
            )
        taken[plugin.kind] = f"the plug-in {plugin}"
    if not found:
        return union
    classes = (*own, *(plugin.config for plugin in found))
    return Annotated[Union[classes], BY_KIND]  # noqa: UP007 - classes of a tuple


@cache
def installed() -> tuple[Plugin, ...]:
    """Every plug-in of this environment.

    Raises:
        ConfigError: naming the distribution, if one cannot be loaded or is not a configuration of its section.
    """
    if not _may_have_plugins(sys.path):
        return ()
    from importlib.metadata import entry_points

    found = [(section, entry) for section, group in GROUPS.items() for entry in entry_points(group=group)]
    return tuple(
        _loaded(section, entry) for section, entry in sorted(found, key=lambda it: (_named(it[1]), it[1].name))
    )


def plugins_of(trial: TrialConfig) -> list[Plugin]:
    """The plug-ins that a trial uses."""
    return [plugin for plugin in installed() if type(getattr(trial, plugin.section)) is plugin.config]


def records_of(trial: TrialConfig) -> list[Record]:
    """The plug-ins that a trial uses, for whoever reads its configuration elsewhere or later."""
    return [plugin.record() for plugin in plugins_of(trial)]


def lacking(records: Any, where: str = "here") -> str | None:
    """A sentence on the first plug-in in `records` that is not installed in this environment; None: all are.

    Args:
        records: as `records_of` gives them, read from a file; None: no plug-in is needed.
        where: what the environment is called.
    """
    known = {(plugin.section, plugin.kind) for plugin in installed()}
    for record in records or ():
        section, kind = record["section"], record["kind"]
        if (section, kind) not in known:
            plugin = Plugin(section, kind, Section, record["distribution"], record["version"])
            wanted = f"{plugin.distribution}=={plugin.version}" if plugin.version else plugin.distribution
            return (
                f"{section}.kind {kind} needs the plug-in {plugin}, which is not installed {where}: "
                f"pip install {wanted}"
            )
    return None


def no_plugin_hint(section: str, kind: Any, known: Iterable[str]) -> str:
    """The end of a list of the known kinds, where a plug-in could have the kind and it is not a misspelling."""
    could = section in GROUPS and isinstance(kind, str) and not nearest(kind, known)
    return " (and no plug-in that is installed here has it)" if could else ""


def build(section: Section, builders: Mapping[str, str], result: type[T], *args: Any) -> T:
    """What a section configures: made by its own `build`, which plug-ins have, else by the builder of its kind.

    Args:
        builders: by kind `module:name` of what is called with the section and `args`, imported when it is needed.
        result: the class of what is built.

    Raises:
        ConfigError: if a plug-in fails, or builds something else.
    """
    own = getattr(section, "build", None)
    if own is None:
        made: T = resolve_name(builders[_kind(section)])(section, *args)
        return made
    with _explained(f"{_origin(section)} cannot build kind {_kind(section)}", HmlcError):
        built = own(*args)
    if not isinstance(built, result):
        raise ConfigError(
            f"{_origin(section)} must build an instance of {result.__module__}.{result.__name__} for kind "
            f"{_kind(section)}, got {type(built).__name__}"
        )
    return built


@contextmanager
def _explained(begin: str, *clear: type[BaseException], remedy: str = "") -> Iterator[None]:
    """Others' code as a block: what it raises, an exit of the process too, becomes one sentence. A Ctrl-C stays, and
    so does what is `clear` by itself.

    Raises:
        ConfigError: `begin`, the error, and the `remedy`.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, *clear)):
            raise
        raise ConfigError(f"{begin}: {error_sentence(error)}{remedy}") from error


def _kind(section: Section) -> str:
    return str(getattr(section, "kind"))  # noqa: B009 - sections of a union have it


def _origin(section: Section) -> str:
    names = [f"the plug-in {plugin}" for plugin in installed() if plugin.config is type(section)]
    return names[0] if names else f"{type(section).__module__}.{type(section).__name__}"


def _may_have_plugins(folders: list[str]) -> bool:
    """Whether any distribution has such entry points: a glance, since reading all metadata takes a tenth of the time of
    `hmlc check`. What is in no folder, an archive say, counts as one that may."""
    for folder in dict.fromkeys(folders):
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")) and _mentions(os.path.join(folder, name, "entry_points.txt")):
                return True
    return False


def _mentions(file: str) -> bool:
    try:
        with open(file, "rb") as text:
            return b"[hmlc_ray." in text.read()
    except OSError:
        return False


def _named(entry: EntryPoint) -> tuple[str, str]:
    """Distribution and version."""
    distribution = entry.dist
    name = None if distribution is None else distribution.metadata["Name"]
    version = None if distribution is None else distribution.metadata["Version"]
    return name or "an unnamed distribution", version or ""


def _loaded(section: str, entry: EntryPoint) -> Plugin:
    name, version = _named(entry)
    where = f"the plug-in {entry.name} of {f'{name} {version}'.rstrip()} ({entry.value} in {GROUPS[section]})"
    with _explained(f"{where} cannot be loaded", remedy=f"; repair or uninstall {name}"):
        config = entry.load()
    problem = next(_problems(config, BASES[section]), None)
    if problem is not None:
        raise ConfigError(f"{where} cannot be used: {problem}; repair or uninstall {name}")
    return Plugin(section, str(config.model_fields["kind"].default), config, name, version)


def _problems(config: Any, base: SectionType) -> Iterator[str]:
    if not isinstance(config, type) or not issubclass(config, base):
        yield f"it must be a subclass of {base.__module__}.{base.__name__}"
        return
    kind = config.model_fields.get("kind")
    names = get_args(kind.annotation) if kind is not None and get_origin(kind.annotation) is Literal else ()
    if len(names) != 1 or kind is None or kind.default != names[0] or not re.fullmatch(KIND, str(names[0])):
        yield 'it needs a key `kind: Literal["x"] = "x"` of letters, digits, - and _'
    if not callable(getattr(config, "build", None)):
        yield "it has no method `build`"
    if config.model_config.get("extra") != "forbid" or not config.model_config.get("frozen"):
        yield "its sections must stay frozen and forbid other keys"
    try:
        config.model_rebuild()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of pydantic, or of an annotation that is evaluated
        yield f"the types of its keys cannot be resolved: {first_line(error)}"
    inherited = {name for parent in config.__mro__ if _is_ours(parent) for name in getattr(parent, "model_fields", ())}
    for name, field in config.model_fields.items():
        if name not in inherited and _holds_list(field.annotation):
            yield f"its key {name} holds a list, a set or a mapping: sections are constant, so use a tuple or a section"


def _is_ours(section: type) -> bool:
    return issubclass(section, Section) and section.__module__.startswith("hmlc_ray.")


def _holds_list(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return origin in (list, set, dict) or (origin is not Literal and any(map(_holds_list, get_args(annotation))))
