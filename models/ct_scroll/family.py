"""What commands and the application call of CT-Scroll (`models.families.Family`)."""

from __future__ import annotations

from models.ct_scroll.cases import cases_of, read_recipe
from models.ct_scroll.evaluation import evaluate_findings as evaluate
from models.ct_scroll.files import load_scroll as load
from models.ct_scroll.prediction import PREDICT_OPTIONS
from models.ct_scroll.prediction import predict_findings as predict
from models.ct_scroll.published import IMPORT_OPTIONS
from models.ct_scroll.published import import_scroll as import_published
from models.ct_scroll.training import train_scroll as train

__all__ = [
    "IMPORT_OPTIONS",
    "PREDICT_OPTIONS",
    "cases_of",
    "evaluate",
    "import_published",
    "load",
    "predict",
    "read_recipe",
    "train",
]
