"""Features: what the network sees, as maps and saliency, and its health."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.features.health import Health as Health
    from rlvision.features.health import effective_rank as effective_rank
    from rlvision.features.maps import feature_maps as feature_maps
    from rlvision.features.saliency import gradient_saliency as gradient_saliency
    from rlvision.features.saliency import occlusion_saliency as occlusion_saliency

__getattr__, __all__ = public_names(
    __name__,
    {
        "health": ["Health", "effective_rank"],
        "maps": ["feature_maps"],
        "saliency": ["gradient_saliency", "occlusion_saliency"],
    },
)
