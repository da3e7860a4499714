"""The programs in the README run, and print what the README says."""

import re

import pytest

from conftest import BINDING

README = (BINDING / "README.md").read_text()


PROGRAMS = re.findall(
    r"^```python\n(.*?)^```\n\nIt prints\n\n```text\n(.*?)^```", README, re.M | re.S
)


def test_there_are_as_many_programs_as_blocks_of_code():
    assert len(PROGRAMS) == README.count("```python") == 2


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_a_program_prints_what_the_readme_says(program, output, run_python):
    assert run_python(program) == output
