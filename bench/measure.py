"""How much did a command cost? CPU seconds and peak memory of the process itself, as the kernel counted them.

Wall time depends on who else uses the machine; CPU seconds and ratios within one run do so much less. That is why they are what we compare.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results")


def run(command, stdout=subprocess.DEVNULL, stderr=None, env=None, check=True):
    """Runs `command` to its end. `stdout` may be a file, DEVNULL or PIPE; with PIPE the text is under "output".

    Peak memory is that of the largest process among the command and what it waited for. On Linux it includes this
    program's own size at the moment of the start (about 15 MB), so no big data may be held here.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env)
    output = process.stdout.read().decode() if stdout == subprocess.PIPE else None
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if check and process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    cost = {
        "exit": process.returncode,
        "wall_s": round(wall, 3),
        "user_s": round(used.ru_utime, 3),
        "sys_s": round(used.ru_stime, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_rss_mb": round(used.ru_maxrss * scale / 1e6, 1),
    }
    if output is not None:
        cost["output"] = output
    return cost


def repeated(command, times=7):
    """The median of several runs; the first, with a cold cache, is told apart."""
    costs = [run(command) for _ in range(times + 1)]
    walls = sorted(cost["wall_s"] for cost in costs[1:])
    return {
        "median_s": statistics.median(walls),
        "least_s": walls[0],
        "most_s": walls[-1],
        "first_s": costs[0]["wall_s"],
        "median_cpu_s": statistics.median(cost["cpu_s"] for cost in costs[1:]),
        "peak_rss_mb": max(cost["peak_rss_mb"] for cost in costs),
    }


def machine():
    """Where a number comes from."""
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "load": [round(n, 2) for n in os.getloadavg()],
        "python": platform.python_version(),
    }


def keep(name, result):
    """Writes bench/results/NAME.json and prints the path."""
    os.makedirs(RESULTS, exist_ok=True)
    path = os.path.join(RESULTS, name + ".json")
    whole = {
        "name": name,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],
        "machine": machine(),
        **result,
    }
    with open(path, "w", encoding="utf-8") as out:
        json.dump(whole, out, indent=1, ensure_ascii=False)
        out.write("\n")
    print(f"-> {os.path.relpath(path)}", file=sys.stderr)
    return path


def per_cpu_second(rows, cost):
    return round(rows / cost["cpu_s"]) if cost["cpu_s"] else None
