"""W2 on Ciw, and less: no caller that waits, no warm pool. Five nodes in a row, the same work: for the speed alone."""

import time
from itertools import pairwise

import ciw
from workloads import W2, arguments, draws_w2, tell


def main() -> None:
    """Run W2 and tell how long it took."""
    options = arguments()
    n = options.requests
    began = time.perf_counter()
    arrivals, halves, _ = draws_w2(n, options.seed)
    times = arrivals.tolist()
    gaps = [times[0], *(b - a for a, b in pairwise(times)), float("inf")]
    stages = len(W2["medians_s"])
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps)] + [None] * (stages - 1),
        service_distributions=[ciw.dists.Sequential(work) for work in (2.0 * halves).T.tolist()],
        number_of_servers=[float("inf")] * stages,
        routing=[[float(j == i + 1) for j in range(stages)] for i in range(stages)],
    )
    ciw.seed(options.seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(n, method="Finish", progress_bar=False)
    seconds = time.perf_counter() - began
    work_s = sum(record.exit_date - record.arrival_date for record in simulation.get_all_records())
    tell(n, seconds, mean_s=work_s / n)


if __name__ == "__main__":
    main()
