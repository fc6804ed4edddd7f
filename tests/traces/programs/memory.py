"""memory.py leak | doubling | bursts | cache FILE | tmpfs FILE | forks: ends after 60 s."""

import mmap
import os
import sys
import time

MIB = 1 << 20
ROUNDS = 600


def take(mib: float) -> mmap.mmap:
    memory = mmap.mmap(-1, int(mib * MIB) + 4096)
    for offset in range(0, len(memory), 4096):
        memory[offset] = 1
    return memory


def grow(kept: list[mmap.mmap], mode: str, round_: int) -> None:
    if mode == "leak":
        kept.append(take(0.6))
    elif mode == "doubling":
        kept.append(take(0.05 * 2 ** (round_ / 60)))
    elif round_ % 120 == 60:
        kept.extend(take(20) for _ in range(8))
    elif round_ % 120 == 90:
        kept.clear()


def fill(path: str, mib: float) -> None:
    with open(path, "ab") as file:
        file.write(b"x" * int(mib * MIB))


def fork() -> None:
    if os.fork() == 0:
        memory = take(2)
        time.sleep(60)
        memory.close()
        os._exit(0)


def main() -> None:
    mode = sys.argv[1]
    kept: list[mmap.mmap] = []
    for round_ in range(ROUNDS):
        if mode in ("cache", "tmpfs"):
            fill(sys.argv[2], 1)
        elif mode == "forks":
            if round_ >= 100:
                fork()
        else:
            grow(kept, mode, round_)
        time.sleep(0.1)


main()
