"""The program in the README runs, and prints what the README says."""

import re

from conftest import BINDING

README = (BINDING / "README.md").read_text()


def test_the_first_program_prints_what_the_readme_says(run_python):
    [program] = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    [printed] = re.findall(r"It prints\n\n```text\n(.*?)^```", README, re.M | re.S)
    assert run_python(program) == printed
