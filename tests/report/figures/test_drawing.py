import base64

import numpy as np

from lab.report.figures.drawing import typed


def decoded(array: dict, dtype: type = np.float32) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype)


def test_typed_arrays_carry_their_shape() -> None:
    values = np.arange(6.0).reshape(2, 3)
    array = typed(values)
    assert array["dtype"] == "f4"
    assert array["shape"] == "2, 3"
    assert decoded(array).tolist() == values.ravel().tolist()
