"""W1 on SimFaaS, by its own draws. It has no number of requests to stop at, so it gets the time they take."""

import time

import numpy as np
from simfaas.ServerlessSimulator import ServerlessSimulator
from workloads import W1, arguments, tell


def main() -> None:
    """Run W1 and tell how long it took."""
    options = arguments()
    np.random.seed(options.seed)  # noqa: NPY002 - SimFaaS draws from numpy's global generator
    simulator = ServerlessSimulator(
        arrival_rate=W1["rate_per_s"],
        warm_service_rate=1 / W1["warm_s"],
        cold_service_rate=1 / W1["cold_s"],
        expiration_threshold=W1["keep_s"],
        max_time=options.requests / W1["rate_per_s"],
        maximum_concurrency=1000,
    )
    began = time.perf_counter()
    simulator.generate_trace(debug_print=False, progress=False)
    seconds = time.perf_counter() - began
    requests = simulator.total_req_count
    busy_s = simulator.get_average_server_running_count() * options.requests / W1["rate_per_s"]
    tell(requests, seconds, mean_s=float(busy_s) / requests, cold_fraction=simulator.total_cold_count / requests)


if __name__ == "__main__":
    main()
