"""Parser of `litsweep: defaults`: the values that parameters had before they became parameters."""

from collections.abc import Mapping

from litsweep.sweep.parse.section import Section, did_you_mean
from litsweep.sweep.space import SearchSpace


def parse_defaults(litsweep: Section | None, space: SearchSpace) -> Mapping[str, object]:
    """Return the stated default of each parameter, by dotted name."""
    fix = "write for example `model.dropout: 0.1` under it, or leave it out"
    section = litsweep.section("defaults", fix) if litsweep and "defaults" in litsweep else None
    if section is None or not space.parameters:  # the parameters have faults of their own
        return {}
    for name in map(str, section.content):
        parameter = space.by_name.get(name)
        if parameter is None:
            near = did_you_mean(name, space.by_name) or f"the parameters are {', '.join(space.by_name)}"
            section.fault(name, "is not a parameter of this sweep", near)
        elif not parameter.distribution.contains(section.raw(name)):
            what = f"the search does not use runs with it, because {parameter.config_path} excludes it"
            section.report.warn(section.path_of(name), what)
    return {str(name): value for name, value in section.content.items()}
