"""What the operator declares about a server in the configuration file."""

from ...config import Declaration
from .facts import SourceReport, known_values, product


def read(declared: Declaration) -> SourceReport:
    """Return what is declared; sizes of the layout stand in for undeclared `gpus`.

    Both may be declared and differ: behind an external load balancer a server owns one rank only.
    """
    layout = product(declared.tensor_parallel, declared.pipeline_parallel, declared.data_parallel)
    return SourceReport(
        "declared",
        known_values(
            version=declared.version,
            model=declared.model,
            gpus=declared.gpus or layout,
            gpu_model=declared.gpu_model,
            role=declared.role,
            max_num_seqs=declared.max_num_seqs,
            max_num_batched_tokens=declared.max_num_batched_tokens,
            kv_cache_capacity_tokens=declared.kv_cache_capacity_tokens,
            tensor_parallel=declared.tensor_parallel,
            pipeline_parallel=declared.pipeline_parallel,
            data_parallel=declared.data_parallel,
            quantization=declared.quantization,
            kv_cache_dtype=declared.kv_cache_dtype,
            runner=declared.runner,
            prefix_caching=declared.prefix_caching,
        ),
    )
