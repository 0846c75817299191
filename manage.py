#!/usr/bin/env python
"""Ollive's command line: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ollive.settings")
    if sys.argv[1:] == ["up"]:
        # The supervisor stays as long as Ollive runs: it starts sooner, and stays small, without Django.
        from ollive.up.supervisor import main as run_supervisor

        sys.exit(run_supervisor())

    from django.core.management import execute_from_command_line

    from ollive.env import require_running_services

    require_running_services(sys.argv)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
