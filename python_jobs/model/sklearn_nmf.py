"""The fitted model as scikit-learn has it: an ``NMF``, or a ``FeatureUnion`` of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.settings import Settings


def as_fitted(model: Any, H: NDArray[np.float32], iterations: int, error: float) -> Any:
    """Return an NMF as its own ``fit`` would have left it.

    Parameters
    ----------
    model
        As :func:`new_model` returns it.
    H
        Movie factors, k × movies.
    iterations
        How many there were, from 1.
    error
        The Frobenius norm of what is left: ``reconstruction_err_``.
    """
    rank, movies = H.shape
    model.components_ = np.ascontiguousarray(H)
    model.n_iter_ = iterations
    model.n_components_ = model._n_components = rank
    model._beta_loss = 2
    model.n_features_in_ = movies
    model.reconstruction_err_ = error
    return model


def new_model(settings: Settings, rank: int, member: int, init: str) -> Any:
    """Return the NMF of a member before its fit; its init is ``custom`` where it goes on."""
    from sklearn.decomposition import NMF

    return NMF(
        n_components=rank,
        init=init,
        max_iter=settings.max_iter,
        random_state=settings.random_state + member,
        alpha_W=settings.alpha,
    )


def as_one_model(models: list[Any]) -> Any:
    """Return the one NMF, or a ``FeatureUnion`` of several."""
    if len(models) == 1:
        return models[0]
    from sklearn.pipeline import FeatureUnion

    names = [f"nmf_{member}" for member in range(len(models))]
    weights = dict.fromkeys(names, 1.0 / len(models))
    return FeatureUnion(list(zip(names, models, strict=True)), transformer_weights=weights)
