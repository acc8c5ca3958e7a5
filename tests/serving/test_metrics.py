"""The counters of a server, as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from lab.serving.metrics import Metrics


def test_a_batch_is_counted_and_each_server_has_its_own_counters() -> None:
    metrics, other = Metrics(), Metrics()
    metrics.batch([3, 1], 0.004)
    metrics.batch([64], 0.2)
    found = {sample.name: sample.value for family in text_string_to_metric_families(metrics.text().decode())
             for sample in family.samples if not sample.labels}  # fmt: skip
    assert (found["lab_rows_total"], found["lab_batch_rows_sum"], found["lab_batch_requests_sum"]) == (68, 68, 3)
    assert found["lab_batch_seconds_count"] == 2
    assert "lab_rows_total 0.0" in other.text().decode()
