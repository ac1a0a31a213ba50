"""λ-returns by rlax, as data that a test compares with ours.

    pip install rlax
    python benchmarks/peers/lambda_returns.py --out tests/learning/stored/lambda_returns.json

rlax computes ``r_t + discount_t * ((1 - lambda_t) * v_t + lambda_t * G_t)`` for one sequence at a time.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rlax

CASES, STEPS = 20, 7


def case(draws: np.random.Generator) -> dict[str, list[float]]:
    """Return the inputs and the result of one sequence, with discounts and λ of 0 and 1 among them."""
    r_t, v_t = draws.normal(size=(2, STEPS)).astype(np.float32)
    discount_t, lambda_t = draws.uniform(size=(2, STEPS)).astype(np.float32).round(2)
    discount_t[draws.random(STEPS) < 0.2], lambda_t[draws.random(STEPS) < 0.2] = 0.0, 0.0
    discount_t[draws.random(STEPS) < 0.2], lambda_t[draws.random(STEPS) < 0.2] = 1.0, 1.0
    returns = rlax.lambda_returns(r_t, discount_t, v_t, lambda_t)
    numbers = {"r_t": r_t, "discount_t": discount_t, "v_t": v_t, "lambda_t": lambda_t, "returns": returns}
    return {name: np.asarray(values).astype(float).tolist() for name, values in numbers.items()}


def main() -> None:
    """Write the cases and the version of rlax."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    draws = np.random.default_rng(1)
    cases = [case(draws) for _ in range(CASES)]
    stored = {"rlax": version("rlax"), "jax": version("jax"), "cases": cases}
    parser.parse_args().out.write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    main()
