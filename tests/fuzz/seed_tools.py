"""What all seeds are made with: others' programs, and the worked examples of the FORMATS pages."""
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "MTOOLS_SKIP_CHECK": "1"}


def tool(*command, text=None):
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                   env=ENVIRONMENT)


def formats(folder):
    with open(os.path.join(HERE, "..", "..", folder, "FORMATS.md"), encoding="utf-8") as file:
        return file.read()


def example(name):
    """A worked example of hal/FORMATS.md."""
    return re.search(f"```text example={name}\n(.*?)```", formats("hal"), re.S).group(1)
