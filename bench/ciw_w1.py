"""W1 on Ciw. It has no warm pool: the service distribution keeps the environments itself, a trick for one function."""

import time
from itertools import pairwise

import ciw
from workloads import W1, arguments, draws_w1, tell


def main() -> None:
    """Run W1 and tell how long it took."""
    options = arguments()
    n, keep_s = options.requests, W1["keep_s"]
    began = time.perf_counter()
    arrivals, warm, cold = (drawn.tolist() for drawn in draws_w1(n, options.seed))
    gaps = [arrivals[0], *(b - a for a, b in pairwise(arrivals)), float("inf")]
    free: list[float] = []
    took: list[float] = []
    colds = [0]

    class Runs(ciw.dists.Distribution):
        def sample(self, t=None, ind=None):
            i = len(took)
            newest = max((at for at in free if at <= t), default=-1.0)
            if newest >= 0 and newest + keep_s > t:
                free.remove(newest)
                took.append(warm[i])
            else:
                colds[0] += 1
                free[:] = [at for at in free if at > t]
                took.append(cold[i])
            free.append(t + took[i])
            return took[i]

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps)],
        service_distributions=[Runs()],
        number_of_servers=[float("inf")],
    )
    ciw.seed(options.seed)
    ciw.Simulation(network).simulate_until_max_customers(n, method="Finish", progress_bar=False)
    seconds = time.perf_counter() - began
    tell(n, seconds, mean_s=sum(took) / len(took), cold_fraction=colds[0] / n)


if __name__ == "__main__":
    main()
