"""Where the patches of a live series lie, and when its oldest ones are dropped."""

from dataclasses import dataclass

from toto.streaming.member import Member


@dataclass(frozen=True)
class PatchGrid:
    """The sizes that decide it.

    max_steps: that encoded patches may cover, a multiple of the stride. When they do, and one more patch is
    full, the older half is dropped and the rest encoded anew.
    """

    patch_size: int
    stride: int
    max_steps: int

    @classmethod
    def of(cls, patch_size: int, stride: int, max_context: int) -> "PatchGrid":
        """The grid of patches within a context."""
        return cls(patch_size, stride, max_context // stride * stride)

    def num_patches(self, num_steps: int) -> int:
        """Patches that lie in so many steps, a multiple of the stride."""
        return (num_steps - self.patch_size) // self.stride + 1

    def begin(self, member: Member) -> None:
        """Lay patches so that one ends with the newest step; the oldest is padded on the left if need be."""
        num_steps = min(member.record.length, self.max_steps)
        multiple = self.patch_size if num_steps < self.patch_size else self.stride
        member.anchored = member.encoded = member.record.length
        member.start = member.encoded - num_steps - (-num_steps % multiple)

    def drop_older_half(self, member: Member) -> None:
        """Lay the patches that are kept, and one more that is full, as if the stream had begun with them."""
        half = max(self.patch_size, self.max_steps // 2 // self.stride * self.stride)
        member.anchored = member.encoded = member.encoded + self.stride
        member.start = member.encoded - half

    def room(self, member: Member) -> int:
        """Patches that can be encoded before the older half is dropped."""
        return (self.max_steps - (member.encoded - member.start)) // self.stride

    def num_new(self, member: Member) -> int:
        """Patches that are full and not encoded; -1 for one that there is no room for."""
        full = member.pending // self.stride
        return full if full <= self.room(member) else -1

    def steps_at_once(self, member: Member) -> int:
        """Steps that may be appended before the patches that they fill must be encoded.

        They fill no more patches than there is room for or, without room, the one that makes room.
        """
        return (max(1, self.room(member)) + 1) * self.stride - member.pending - 1
