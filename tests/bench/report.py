"""The benchmark's tables and goals."""
import statistics

# Title, measurement, connections, program to compare with, least ratio.
GOALS = [
    ("durable issue, 64 connections, Unix socket", "issue", 64, "bare", 0.7),
    ("durable issue, 64 connections, Unix socket", "issue", 64, "postgresql", 3.5),
    ("durable issue, 64 connections, Unix socket", "issue", 64, "redis", 1.0),
    ("durable issue, 16 connections, Unix socket", "issue", 16, "postgresql", 1.5),
    ("durable issue, 1 connection, Unix socket", "issue", 1, "postgresql", 0.7),
    ("verify any token, 64 connections, Unix socket", "verify", 64, "bare", 0.7),
    ("verify 100,000 hot ones, 64 connections, Unix socket", "verify hot", 64, "redis", 0.8),
    ("verify any token, 64 connections, TLS", "verify TLS", 64, "bare", 0.7),
    ("revoke, 64 connections, Unix socket", "revoke", 64, "postgresql", 3.0),
]


def median_of(results, field):
    return statistics.median(result[field] for result in results)


def print_table(results):
    """results: {(measurement, connections, program): one result a round}."""
    print(f"\n{'measurement':<12} {'connections':>11}  {'program':<11} {'req/s':>9} {'p50 us':>9} {'p99 us':>9} "
          f"{'cpu us/req':>10}   req/s of each round")
    last = None
    for (kind, connections, program), rounds in results.items():
        if last not in (None, (kind, connections)):
            print()
        last = (kind, connections)
        rates = " ".join(f"{result['rate']:.0f}" for result in rounds)
        print(f"{kind:<12} {connections:>11}  {program:<11} {median_of(rounds, 'rate'):>9.0f} "
              f"{median_of(rounds, 'p50'):>9.0f} {median_of(rounds, 'p99'):>9.0f} {median_of(rounds, 'cpu'):>10.1f}"
              f"   {rates}")


def print_ratios(results, goals=None):
    """Of kmsd to its peers. A goal may name the peer's measurement, where that is another one."""
    print(f"\n{'goal: kmsd against':<54} {'':<11} {'median':>6} {'goal':>5}        ratio of each round")
    for title, kind, connections, peer, least, *other_kind in goals or GOALS:
        ours = results.get((kind, connections, "kmsd"))
        theirs = results.get((*(other_kind or [kind]), connections, peer))
        if not ours or not theirs:
            print(f"{title:<54} {peer:<11} not measured")
            continue
        ratios = [one["rate"] / other["rate"] for one, other in zip(ours, theirs)]
        median = statistics.median(ratios)
        print(f"{title:<54} {peer:<11} {median:>6.2f} {least:>5.1f} {'met' if median >= least else 'NOT MET':>8}"
              f"  {' '.join(f'{ratio:.2f}' for ratio in ratios)}")


def print_limit(title, value, most, unit):
    print(f"{title:<66} {value:>6.2f} {most:>5.2f} {'met' if value <= most else 'NOT MET':>8}  {unit}")
