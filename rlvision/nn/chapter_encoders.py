"""The classic networks of the chapter as encoders: each by its defining idea, small enough for two cores.

They have fewer channels than in the papers, multiples of four, so that every normalisation applies. Each has a frame
size of its own (`rlvision.nn.settings`), of which no pixel is lost, and levels named low, mid and high.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.nn.encoder_base import Window, autocast_precision
from rlvision.nn.stacks import Stack, StackedEncoder, Unit, UnitOptions


class LeNet5(StackedEncoder):
    """LeNet-5 (LeCun et al. 1998): 5x5 convolutions and 2x2 averages in turn, then a dense layer.

    The paper's layers have 6, 16 and 120 maps and 84 units. Its averages have trained weights.
    """

    idea, paper = "convolutions and averages in turn", "LeCun et al. 1998"
    dense = (84,)

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        stack.conv(8, 5).level("low").average_pool(2)
        stack.conv(16, 5).level("mid").average_pool(2)
        stack.conv(120, 5).level("high")


class Ciresan(StackedEncoder):
    """Multi-column network (Cireşan et al. 2012): columns of one shape, each with its own view of the picture.

    One column sees the picture. The other sees its contrast: each pixel less the mean of the 7x7 around it. A dense
    layer joins them. The paper averages the outputs of up to 35 columns, which have 20 and 40 maps.
    """

    idea, paper = "columns that see the picture in different ways", "Cireşan et al. 2012"
    dense = (128,)

    def build(self, stack: Stack) -> None:
        """Add the layers of both columns."""
        stack.block(Contrast(), 2 * stack.channels, Contrast.WINDOW)
        stack.block(ColumnUnits(stack.channels, 16, 4, stack.options), 16, Window(4)).level("low").max_pool(2)
        stack.block(ColumnUnits(stack.channels, 32, 5, stack.options), 32, Window(5)).level("mid")
        stack.max_pool(3).level("high")


class Contrast(nn.Module):
    """The picture, and each pixel less the mean of the 7x7 around it."""

    WINDOW = Window(7, 1, 3)

    def forward(self, picture: Tensor) -> Tensor:
        """Return [B, 2 C, H, W] float32 of [B, C, H, W]."""
        seen = picture.to(autocast_precision(picture.device.type)).float()  # bytes and their quotients give the same
        rows = F.avg_pool2d(seen, (7, 1), stride=1, padding=(3, 0), count_include_pad=False)
        surroundings = F.avg_pool2d(rows, (1, 7), stride=1, padding=(0, 3), count_include_pad=False)
        return torch.cat((seen, seen - surroundings), dim=1)


class ColumnUnits(nn.Module):
    """A convolution in each of two columns, which have half of the channels each."""

    def __init__(self, in_channels: int, channels: int, kernel: int, options: UnitOptions) -> None:
        super().__init__()
        self.columns = nn.ModuleList(Unit(in_channels // 2, channels // 2, kernel, options=options) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, channels, h, w] of [B, C, H, W]."""
        return torch.cat([column(part) for column, part in zip(self.columns, x.chunk(2, 1), strict=True)], dim=1)


class AlexNet(StackedEncoder):
    """AlexNet (Krizhevsky et al. 2012): a coarse first convolution, and max-pooling with overlapping windows.

    The paper has 96, 256, 384, 384 and 256 maps, normalises across channels, and drops features of its dense layers
    (``network.dropout``).
    """

    idea, paper = "a coarse first layer, overlapping max-pooling", "Krizhevsky et al. 2012"
    dense = (256,)

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        stack.conv(32, 11, stride=4).level("low").max_pool(3, 2)
        stack.conv(64, 5, padding=2).level("mid").max_pool(3, 2)
        stack.conv(96, 3, padding=1).conv(96, 3, padding=1).conv(64, 3, padding=1).level("high")


class OverFeat(StackedEncoder):
    """OverFeat (Sermanet et al. 2014): its dense layers are convolutions, so they look at every place of the map.

    The paper slides one classifier over pictures of any size, and so finds where a thing is. Here all places go to the
    head.
    """

    idea, paper = "dense layers that slide over the map", "Sermanet et al. 2014"

    def build(self, stack: Stack) -> None:
        """Add the layers; the last two are the dense ones."""
        stack.conv(16, 7, stride=2).level("low").max_pool(2)
        stack.conv(32, 5, padding=2).level("mid").max_pool(2)
        stack.conv(48, 3, padding=1).conv(48, 3, padding=1).level("high")
        stack.conv(64, 3).conv(32, 1)


class VGG(StackedEncoder):
    """VGG (Simonyan and Zisserman 2015): 3x3 convolutions in pairs, and max-pooling that halves the map.

    Two 3x3 convolutions see as far as one of 5x5, with fewer weights and one more non-linearity. The paper's smallest
    maps are 64, the largest 512.
    """

    idea, paper = "pairs of 3x3 convolutions, nothing larger", "Simonyan and Zisserman 2015"
    dense = (128,)

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        for channels, level in ((8, "low"), (16, "mid"), (32, ""), (32, "high")):
            stack.conv(channels, 3, padding=1).conv(channels, 3, padding=1)
            if level:
                stack.level(level)
            stack.max_pool(2)


class NiN(StackedEncoder):
    """Network in network (Lin et al. 2014): 1x1 convolutions after each convolution, and no dense layer.

    The 1x1 convolutions are a small network at every pixel. The average over each map takes the place of dense layers.
    """

    idea, paper = "a small network at every pixel, no dense layer", "Lin et al. 2014"

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        stack.conv(16, 5, stride=2).conv(16, 1).conv(16, 1).level("low").max_pool(3, 2)
        stack.conv(32, 5, padding=2).conv(32, 1).conv(32, 1).level("mid").max_pool(3, 2)
        stack.conv(64, 3, padding=1).conv(64, 1).conv(64, 1).level("high").global_average()


class Inception(StackedEncoder):
    """GoogLeNet's blocks (Szegedy et al. 2015): 1x1, 3x3 and 5x5 convolutions and a max-pooling side by side."""

    idea, paper = "kernels of several sizes side by side", "Szegedy et al. 2015"

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        stack.conv(16, 7, stride=2).level("low").max_pool(3, 2)
        for maps, level in ((8, "mid"), (16, "high")):
            block = InceptionBlock(stack.channels, maps, stack.options)
            stack.block(block, 5 * maps, Window(5, 1, 2)).level(level)
            if level == "mid":
                stack.max_pool(3, 2)
        stack.average_pool(3)


class InceptionBlock(nn.Module):
    """Four paths over one map, whose results are put together: m, 2m, m and m maps.

    The 1x1 convolutions before the larger kernels reduce the channels, and with them the work.
    """

    def __init__(self, in_channels: int, maps: int, options: UnitOptions) -> None:
        super().__init__()
        self.one = Unit(in_channels, maps, 1, options=options)
        self.three = nn.Sequential(
            Unit(in_channels, maps, 1, options=options), Unit(maps, 2 * maps, 3, padding=1, options=options)
        )
        self.five = nn.Sequential(
            Unit(in_channels, maps // 2, 1, options=options), Unit(maps // 2, maps, 5, padding=2, options=options)
        )
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), Unit(in_channels, maps, 1, options=options))

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, 5 m, h, w] of [B, C, h, w]."""
        return torch.cat((self.one(x), self.three(x), self.five(x), self.pool(x)), dim=1)


class Bottleneck(StackedEncoder):
    """Residual blocks with bottlenecks (He et al. 2016): x plus a path through fewer channels."""

    idea, paper = "few channels inside a block, many between blocks", "He et al. 2016"
    dense = (128,)

    def build(self, stack: Stack) -> None:
        """Add the layers."""
        stack.conv(16, 7, stride=2).level("low").max_pool(3, 2)
        for channels, level in ((32, "mid"), (64, "high")):
            for stride in (2, 1):
                block = BottleneckBlock(stack.channels, channels, stride, stack.options)
                stack.block(block, channels, Window(3, stride, 1))
            stack.level(level)


class BottleneckBlock(nn.Module):
    """1x1 to a quarter of the channels, 3x3, and 1x1 back to all of them, plus the input; then the activation.

    Where the shape changes, the input passes a 1x1 convolution, too.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, options: UnitOptions) -> None:
        super().__init__()
        narrow = channels // 4
        self.path = nn.Sequential(
            Unit(in_channels, narrow, 1, options=options),
            Unit(narrow, narrow, 3, stride, 1, options=options),
            Unit(narrow, channels, 1, options=options, activates=False),
        )
        is_same = in_channels == channels and stride == 1
        shortcut = Unit(in_channels, channels, 1, stride, options=options, activates=False)
        self.shortcut = nn.Identity() if is_same else shortcut
        self.act = options.act()

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, channels, h, w] of [B, C, h, w], or of half the size with a stride of two."""
        return self.act(self.path(x) + self.shortcut(x))  # type: ignore[no-any-return]
