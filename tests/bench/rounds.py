"""Rounds of measurements: in each, every program in turn, so that what disturbs the machine disturbs all."""


def say(text):
    print(text, flush=True)


def measure(given, plan, wanted, programs, names):
    """{(measurement, connections, program): one result a round}, in the order of `wanted` and of the programs' `names`."""
    results = {}
    for turn in range(plan.rounds):
        say(f"round {turn + 1} of {plan.rounds}")
        order = programs[turn % len(programs):] + programs[:turn % len(programs)]
        for kind, connections in wanted:
            if given.measure and kind not in given.measure:
                continue
            for program in order:
                if kind not in program.kinds:
                    continue
                result = program.measure(kind, connections)
                results.setdefault((kind, connections, program.name), []).append(result)
                say(f"  {kind:<12} {connections:>3}  {program.name:<12} {result['rate']:>9.0f} req/s")
    in_order = sorted(results, key=lambda key: (wanted.index(key[:2]), list(names).index(key[2])))
    return {key: results[key] for key in in_order}
