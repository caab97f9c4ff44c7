"""`python -m bench [SECTION,...]`: measures these sections, or all, and writes bench/RESULTS.md. `report` alone measures nothing."""
import sys
import time

from . import report


def main():
    """Runs what was named, in the order of the list."""
    names = [name for name in (sys.argv[1] if len(sys.argv) > 1 else "").replace(" ", ",").split(",") if name]
    if names != ["report"]:
        from . import sections  # needs the servers

        known = {section.__name__: section for section in sections.ALL}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise SystemExit(f"no such section: {', '.join(unknown)}; there are {', '.join(known)}, and report")
        for name, section in known.items():
            if not names or name in names:
                begun = time.monotonic()
                print(f"-- {name}: {section.__doc__}", flush=True)
                section()
                print(f"-- {name}: {time.monotonic() - begun:.0f} s", flush=True)
                report.write()
    report.write()


if __name__ == "__main__":
    main()
