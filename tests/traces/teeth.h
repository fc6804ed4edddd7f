// What a garbage collector leaves and takes: memory that grows until it is collected, each time at
// another moment.
#pragma once

#include "tests/traces/random.h"

namespace oomtrail::traces {

class Teeth {
 public:
  explicit Teeth(Random& random)
      : height_(random.Uniform(0.05, 0.25)),
        period_(random.LogUniform(3, 60)),
        jitter_(random.Uniform(0, 0.15)),
        random_(static_cast<uint64_t>(random.Uniform(0, 1e15))) {}

  double height() const { return height_ * (1 + jitter_); }

  // In order of time; as a share of the limit.
  double At(double now) {
    if (now >= end_) {
      begin_ = now;
      left_ = height_ * random_.Uniform(0, jitter_);
      end_ = now + period_ * random_.Uniform(1 - jitter_, 1 + jitter_);
    }
    return left_ + (height_ - left_ / 2) * (now - begin_) / period_;
  }

 private:
  double height_;
  double period_;
  double jitter_;
  Random random_;
  double begin_ = 0;
  double end_ = 0;
  double left_ = 0;
};

}  // namespace oomtrail::traces
