"""Features: maps of a network's activations, and saliency of pixels."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.features.maps import feature_maps as feature_maps
    from rlvision.features.saliency import gradient_saliency as gradient_saliency
    from rlvision.features.saliency import occlusion_saliency as occlusion_saliency

__getattr__, __all__ = public_names(
    __name__,
    {
        "maps": ["feature_maps"],
        "saliency": ["gradient_saliency", "occlusion_saliency"],
    },
)
