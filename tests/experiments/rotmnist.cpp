// The experiment as a function: an evaluation says when its digits are not those of the run.
#include "experiments/rotmnist.hpp"

#include "tests/experiments/small_mnist.hpp"

namespace orbitgrad::experiments {
namespace {

TEST(Rotmnist, EvaluationOnOtherDigitsSaysSo) {
  const TemporaryFolder folder;
  const auto data = folder.path() / "data", copy = folder.path() / "copy", other = folder.path() / "other";
  write_small_mnist(data);
  write_small_mnist(copy);
  write_small_mnist(other, 8);

  RotmnistOptions options;
  options.model = "z2cnn";
  options.digits = {.data = data, .train_count = 8, .test_count = 6};
  options.training.epochs = 1;
  options.training.batch_size = 4;
  options.out = folder.path();
  EXPECT_EQ(train_rotmnist(options).note, "");

  EXPECT_EQ(evaluate_run(options.folder(), {}).note, "");
  EXPECT_EQ(evaluate_run(options.folder(), copy).note, "") << "the same digits in another folder";
  const std::string note = evaluate_run(options.folder(), other).note;
  expect_contains(note, "are not those of the run");
  expect_contains(note, fingerprint(load_digits(options.digits)));

  // A run of which the fingerprint is not known.
  SafeTensors checkpoint = load_safetensors(checkpoint_file(options.folder()));
  checkpoint.metadata.erase("data_fingerprint");
  save_safetensors(checkpoint_file(options.folder()), checkpoint);
  expect_contains(evaluate_run(options.folder(), {}).note, "did not note its data");
}

}  // namespace
}  // namespace orbitgrad::experiments
