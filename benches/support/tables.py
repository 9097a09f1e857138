"""Tables of figures, as Markdown."""


def header(*titles):
    print()
    row(*titles)
    row(*["---"] * len(titles))


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def ratio(figure, other):
    """Runs of --quick are too short for the processor's ticks."""
    return figure / other if other else float("nan")


def verdict(met):
    return "met" if met else "MISSED"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
