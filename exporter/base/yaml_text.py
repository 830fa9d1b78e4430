"""YAML as people write it into files; a key that stands twice is refused."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice: remove one",
                        problem_mark=key.start_mark,
                    )
                keys.add(key.value)
        return node


def parse_yaml(text: str) -> object:
    """Return the document as Python objects; raise `ValueError` with the line and the fault."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark, fault = error.problem_mark, " ".join(filter(None, (error.context, error.problem)))
        raise ValueError(f"line {mark.line + 1}: {fault}" if mark else fault) from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
