# AutoGluon on a CSV: python train.py [SECONDS]
import sys

import pandas as pd
from autogluon.tabular import TabularPredictor

train, val = pd.read_csv("train.csv"), pd.read_csv("val.csv")
predictor = TabularPredictor(label="category", eval_metric="f1_macro", path="model")
predictor.fit(train, tuning_data=val, time_limit=float(sys.argv[1]))
