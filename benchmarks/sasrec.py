"""SASRec as RecTools has it: Kang and McAuley, "Self-attentive sequential recommendation" (2018).

RecTools needs NumPy 1 and so cannot be installed beside this project; `benchmarks.quality` runs
this file in an environment of RecTools' own, and hands it a split as arrays:

    python -m venv /tmp/rectools && /tmp/rectools/bin/pip install 'rectools[torch]==0.19.0'
    python -m benchmarks.quality --rectools /tmp/rectools/bin/python
"""

# mypy: ignore-errors

import json
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd


def main(folder: Path) -> None:
    """Read ``split.npz`` and ``params.json``; write ``lists.npy``, -1 where one is too short."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    from pytorch_lightning import Trainer, seed_everything
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    split, params = np.load(folder / "split.npz"), json.loads((folder / "params.json").read_text())
    seed_everything(42)
    interactions = pd.DataFrame(
        {
            "user_id": split["users"],
            "item_id": split["movies"],
            "weight": 1.0,
            # One second apart, in order: what comes at the same time has an order here too.
            "datetime": pd.to_datetime(split["places"], unit="s"),
        }
    )
    model = SASRecModel(
        n_blocks=params["blocks"],
        n_heads=2,
        n_factors=params["rank"],
        dropout_rate=params["dropout"],
        session_max_len=params["longest"],
        loss="softmax",
        lr=params["rate"],
        batch_size=64,
        epochs=params["epochs"],
        deterministic=True,
        recommend_torch_device="cpu",
        get_trainer_func=lambda: Trainer(
            max_epochs=params["epochs"],
            accelerator="cpu",
            deterministic=True,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ),
    )
    dataset = Dataset.construct(interactions)
    model.fit(dataset)
    found = model.recommend(
        users=split["judged"], dataset=dataset, k=int(split["length"]), filter_viewed=True
    )
    lists = np.full((split["judged"].size, int(split["length"])), -1, np.int32)
    rows = np.searchsorted(split["judged"], found["user_id"].to_numpy())
    lists[rows, found["rank"].to_numpy() - 1] = found["item_id"].to_numpy()
    np.save(folder / "lists.npy", lists)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
