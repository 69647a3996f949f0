// What about this processor decides how layers are calculated.
#pragma once

namespace posterior {

// Whether arithmetic in bfloat16 is faster than in single precision here. Where it is not, layers of that type are calculated in single precision and rounded once.
bool has_fast_bfloat16();

// Whether its products are fastest in vectors: those of a processor with matrix tiles are faster in these.
bool multiplies_bfloat16_in_vectors();

}  // namespace posterior
