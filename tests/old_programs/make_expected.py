"""Writes expected/: what the programs of corpus/ print with the software that they were written for.

Run with the original software, not with this project:

    python3.7 -m venv ref
    ref/bin/pip install 'tensorflow==1.15.5' 'tensorflow-hub==0.12.0' 'protobuf<3.21'
    ref/bin/python tests/old_programs/make_expected.py [NAME ...]
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import table  # noqa: E402  # the table that the tests share


def main(wanted):
    with tempfile.TemporaryDirectory() as directory:
        for name in table.PROGRAMS:
            if wanted and name not in wanted and name != table.PUBLISHER:
                continue
            work = os.path.join(directory, name)
            os.makedirs(work)
            command = [sys.executable, os.path.join(HERE, "corpus", name + ".py")]
            command += table.arguments(name, os.path.join(directory, "modules"), work)
            printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            with open(os.path.join(HERE, "expected", name + ".txt"), "wb") as file:
                file.write(printed)
            print("wrote", name)


if __name__ == "__main__":
    main(sys.argv[1:])
