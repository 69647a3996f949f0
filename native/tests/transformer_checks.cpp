// What transformers are made of against plain loops in double precision: linear layers, normalisation, gates, attention with rotary positions, and products of stacks of vectors.
#include "comparison.h"

using namespace comparison;

namespace {

void linear(int32_t dtype) {
    const auto n = between(1, 9), rows = between(1, 12), inputs = between(1, 70), outputs = between(1, 70);
    const auto biased = between(0, 1) == 1, with_residual = between(0, 1) == 1;
    Array x({n, rows, inputs}, dtype), weight({outputs, inputs}, dtype, 0.2), bias({outputs}, dtype), residual({n, rows, outputs}, dtype);
    std::vector<double> expected(residual.values.size());
    for (size_t i = 0; i < expected.size(); i++) {
        const auto row = i / outputs, o = i % outputs;
        expected[i] = (biased ? bias.values[o] : 0) + (with_residual ? residual.values[i] : 0);
        for (int64_t k = 0; k < inputs; k++) expected[i] += x.values[row * inputs + k] * weight.values[o * inputs + k];
    }
    pt_convolution layer;
    check(pt_convolution_new(weight.tensor, biased ? bias.tensor : nullptr, 1, 1, 0, 0, 1, &layer), "linear");
    if (layer == nullptr) return;
    for (int repeat = 0; repeat < 2; repeat++)
        compare("linear layer of " + std::to_string(n * rows) + " rows, " + std::to_string(inputs) + " to " + std::to_string(outputs) + (with_residual ? " residual" : ""), expected, dtype,
                [&](pt_tensor* out) { return pt_linear_run(layer, x.tensor, with_residual ? residual.tensor : nullptr, out); });
    check(pt_convolution_free(layer), "free");

    // In training.
    Array seed({n, rows, outputs}, dtype);
    std::vector<double> gradient(x.values.size()), by_weight(weight.values.size());
    for (size_t i = 0; i < expected.size(); i++)
        for (int64_t k = 0; k < inputs; k++) {
            gradient[i / outputs * inputs + k] += seed.values[i] * weight.values[i % outputs * inputs + k];
            by_weight[i % outputs * inputs + k] += seed.values[i] * x.values[i / outputs * inputs + k];
        }
    const auto run = [&](pt_tensor* out) { return pt_linear(x.tensor, weight.tensor, biased ? bias.tensor : nullptr, with_residual ? residual.tensor : nullptr, out); };
    const auto what = "recorded linear layer of " + std::to_string(n * rows) + " rows, " + std::to_string(inputs) + " to " + std::to_string(outputs);
    compare(what, expected, dtype, run);
    compare_gradient(what, x, seed, gradient, dtype, run);
    compare_gradient(what + " by its weights", weight, seed, by_weight, dtype, run);
}

void matrix_product(int32_t dtype) {
    const auto m = between(1, 40), k = between(1, 40), n = between(1, 40);
    Array a({m, k}, dtype), b({k, n}, dtype);
    std::vector<double> expected(m * n);
    for (int64_t i = 0; i < m * n; i++)
        for (int64_t l = 0; l < k; l++) expected[i] += a.values[i / n * k + l] * b.values[l * n + i % n];
    compare("product of " + std::to_string(m) + "x" + std::to_string(k) + " and " + std::to_string(k) + "x" + std::to_string(n), expected, dtype, [&](pt_tensor* out) { return pt_matrix_product(a.tensor, b.tensor, out); });
}

void rms_norm(int32_t dtype) {
    const auto n = between(1, 9), rows = between(1, 12), width = between(1, 150);
    const auto each = between(0, 1) == 1;
    Array x({n, rows, width}, dtype), gain({each ? n : 1, width}, dtype);
    std::vector<double> expected(x.values.size());
    for (int64_t row = 0; row < n * rows; row++) {
        double square = 0;
        for (int64_t c = 0; c < width; c++) square += std::pow(x.values[row * width + c], 2) / width;
        for (int64_t c = 0; c < width; c++) expected[row * width + c] = x.values[row * width + c] / std::sqrt(square + 1e-6) * gain.values[(each ? row / rows : 0) * width + c];
    }
    const auto run = [&](pt_tensor* out) { return pt_rms_norm(x.tensor, gain.tensor, 1e-6, out); };
    compare("RMS norm of " + std::to_string(width), expected, dtype, run);
    Array seed({n, rows, width}, dtype);
    std::vector<double> gradient(x.values.size()), by_gain(gain.values.size());
    double terms = 0;
    for (int64_t row = 0; row < n * rows; row++) {
        double square = 1e-6, product = 0;
        const auto first = (each ? row / rows : 0) * width;
        for (int64_t c = 0; c < width; c++) square += std::pow(x.values[row * width + c], 2) / width;
        for (int64_t c = 0; c < width; c++) product += x.values[row * width + c] * seed.values[row * width + c] * gain.values[first + c] / width;
        for (int64_t c = 0; c < width; c++) {
            const auto i = row * width + c;
            gradient[i] = (seed.values[i] * gain.values[first + c] - x.values[i] * product / square) / std::sqrt(square);
            terms = std::fmax(terms, std::fabs(seed.values[i] * gain.values[first + c]) / std::sqrt(square));
            by_gain[first + c] += seed.values[i] * x.values[i] / std::sqrt(square);
        }
    }
    compare_gradient("RMS norm of " + std::to_string(width), x, seed, gradient, dtype, run, terms);
    compare_gradient("RMS norm of " + std::to_string(width) + " by its gains", gain, seed, by_gain, dtype, run);
}

void gated_gelu(int32_t dtype) {
    const auto rows = between(1, 30), width = between(1, 70);
    Array x({rows, 2 * width}, dtype, 3);
    std::vector<double> expected(rows * width);
    for (int64_t i = 0; i < rows * width; i++) {
        const auto a = x.values[i / width * 2 * width + i % width], b = x.values[i / width * 2 * width + width + i % width];
        expected[i] = a * b / 2 * std::erfc(-b / std::sqrt(2.0));
    }
    const auto run = [&](pt_tensor* out) { return pt_gated_gelu(x.tensor, out); };
    compare("gated gelu of " + std::to_string(width), expected, dtype, run);
    Array seed({rows, width}, dtype);
    std::vector<double> gradient(x.values.size());
    for (int64_t i = 0; i < rows * width; i++) {
        const auto at = i / width * 2 * width + i % width;
        const auto a = x.values[at], b = x.values[at + width], below = std::erfc(-b / std::sqrt(2.0)) / 2;
        gradient[at] = seed.values[i] * b * below;
        gradient[at + width] = seed.values[i] * a * (below + b * std::exp(-b * b / 2) / std::sqrt(2 * std::acos(-1.0)));
    }
    compare_gradient("gated gelu of " + std::to_string(width), x, seed, gradient, dtype, run);
}

void rotary_attention(int32_t dtype) {
    const auto n = between(1, 9), tokens = between(1, 40), heads = between(1, 4), pairs = between(1, 18), d = 4 * pairs, features = heads * d;
    const auto tiles = between(1, 4), each_queries = (tokens + tiles - 1) / tiles, each_keys = between(1, tokens);
    const auto two = between(0, 1) == 1, shared = two && between(0, 1) == 1, masked = between(0, 1) == 1;
    Array share({heads}, kFloat);
    Array qkv({n, tokens, 3 * features}, dtype), other({n, tokens, 2 * features}, dtype), angles({tokens, heads, pairs}, kFloat, 2);
    Array scale({heads}, kFloat), cosines({tokens, heads, pairs}, kFloat), sines({tokens, heads, pairs}, kFloat);
    const auto write = [](Array& to, const std::vector<double>& values) {
        std::vector<float> floats(values.begin(), values.end());
        to.values.assign(floats.begin(), floats.end());
        check(pt_tensor_free(to.tensor), "free");
        to.tensor = to.make(floats, kFloat, false);
    };
    std::vector<double> lengths, cosine, sine;
    for (auto value : scale.values) lengths.push_back(3 + std::fabs(value));
    for (auto angle : angles.values) {
        cosine.push_back(std::cos(angle));
        sine.push_back(std::sin(angle));
    }
    write(scale, lengths);
    write(cosines, cosine);
    write(sines, sine);
    std::vector<int64_t> queries(tiles * each_queries), keys(tiles * each_keys);
    for (int64_t i = 0; i < tiles * each_queries; i++) queries[i] = i < tokens ? tokens - 1 - i : -1;
    for (auto& key : keys) key = between(0, tokens - 1);
    std::vector<float> mask(tiles * each_queries * each_keys);
    for (int64_t i = 0; i < static_cast<int64_t>(mask.size()); i++) mask[i] = i % each_keys != 0 && between(0, 1) == 1 ? -INFINITY : 0;

    // A token's numbers of one head with their length and rotation.
    const auto placed = [&](const double* from, int64_t token, int64_t head, const double* added = nullptr) {
        std::vector<double> v(from, from + d);
        for (int64_t f = 0; f < d && added != nullptr; f++) v[f] += share.values[head] * added[f];
        double square = 1e-6;
        for (auto number : v) square += number * number;
        for (auto& number : v) number *= std::sqrt(scale.values[head] / square);
        for (int64_t i = 0; i < pairs; i++) {
            const auto a = v[i], b = v[i + pairs], c = cosines.values[(token * heads + head) * pairs + i], s = sines.values[(token * heads + head) * pairs + i];
            v[i] = a * c - b * s;
            v[i + pairs] = b * c + a * s;
        }
        return v;
    };
    std::vector<double> expected(n * tokens * features);
    for (int64_t task = 0; task < n * heads * tiles * each_queries; task++) {
        const auto slot = task % (tiles * each_queries), head = task / (tiles * each_queries) % heads, row = task / (tiles * each_queries * heads) * tokens, query = queries[slot];
        if (query < 0) continue;
        const auto q = placed(qkv.values.data() + (row + query) * 3 * features + head * d, query, head);
        std::vector<double> weights, most{-INFINITY};
        for (int64_t j = 0; j < (two ? 2 : 1) * each_keys; j++) {
            const auto key = keys[slot / each_queries * each_keys + j % each_keys], second = j / each_keys;
            const auto own = qkv.values.data() + ((row + key) * 3 + 1) * features + head * d;
            const auto k = second ? placed(other.values.data() + (row + key) * 2 * features + head * d, key, head, shared ? own : nullptr) : placed(own, key, head);
            double sum = masked ? mask[slot * each_keys + j % each_keys] : 0;
            for (int64_t f = 0; f < d; f++) sum += q[f] * k[f];
            weights.push_back(sum);
            most[0] = std::fmax(most[0], sum);
        }
        double total = 0;
        for (auto& weight : weights) total += weight = std::exp(weight - most[0]);
        for (size_t j = 0; j < weights.size(); j++) {
            const auto key = keys[slot / each_queries * each_keys + j % each_keys];
            for (int64_t f = 0; f < d; f++)
                expected[(row + query) * features + head * d + f] += weights[j] / total * (static_cast<int64_t>(j) >= each_keys ? other.values[((row + key) * 2 + 1) * features + head * d + f]
                                                                                                                            : qkv.values[((row + key) * 3 + 2) * features + head * d + f]);
        }
    }
    const auto run = [&](pt_tensor* out) {
        return pt_rotary_attention(qkv.tensor, two ? other.tensor : nullptr, heads, scale.tensor, shared ? share.tensor : nullptr, cosines.tensor, sines.tensor, queries.data(), keys.data(),
                                   masked ? mask.data() : nullptr, tiles, each_queries, each_keys, out);
    };
    compare("rotary attention of " + std::to_string(tokens) + " tokens in " + std::to_string(tiles) + " tiles, " + std::to_string(heads) + " heads of " + std::to_string(d), expected, dtype, run);
    // Nothing changes along queries and keys themselves, whose lengths are given, so that their product with the derivative is (nearly) zero, and values enter linearly.
    Array seed({n, tokens, features}, dtype);
    int32_t previous;
    check(pt_grad_mode(1, &previous), "grad mode");
    check(pt_requires_grad_set(qkv.tensor, 1), "requires grad");
    pt_tensor y = nullptr, slopes = nullptr;
    check(run(&y), "rotary attention");
    if (y != nullptr) {
        poison(qkv.values.size(), dtype);
        check(pt_grad(&y, &seed.tensor, 1, &qkv.tensor, 1, 0, &slopes), "derivative of rotary attention");
        const auto found = read(slopes);
        double along = 0, size = 0, values = 0, wanted = 0;
        for (int64_t i = 0; i < static_cast<int64_t>(found.size()); i++) {
            const auto product = found[i] * qkv.values[i];
            if (i / features % 3 == 2) values += product;
            else along += product;
            size += std::fabs(product);
        }
        for (size_t i = 0; i < expected.size(); i++) wanted += expected[i] * seed.values[i];
        checks += 2;
        const auto tolerance = (dtype == kFloat ? 1e-4 : 5e-2) * std::fmax(size, 1e-3);
        if (!shared && !(std::fabs(along) <= tolerance)) {
            failures++;
            std::printf("FAILED derivative of rotary attention along queries and keys: %g of %g\n", along, size);
        }
        if (!two && !(std::fabs(values - wanted) <= tolerance)) {
            failures++;
            std::printf("FAILED derivative of rotary attention by values: %g in place of %g\n", values, wanted);
        }
        check(pt_tensor_free(slopes), "free");
        check(pt_tensor_free(y), "free");
    }
    check(pt_requires_grad_set(qkv.tensor, 0), "requires grad");
    check(pt_grad_mode(0, &previous), "grad mode");
}

void stacked_product() {
    const auto n = between(1, 9), stack = between(1, 9), most = between(1, 40), width = between(1, 70);
    Array matrices({n, most, width}, kFloat), x({n, stack, width}, kFloat), y({n, stack, most}, kFloat);
    std::vector<int64_t> rows(n);
    for (auto& count : rows) count = between(0, most);
    std::vector<double> products(y.values.size()), sums(x.values.size());
    for (int64_t i = 0; i < n * stack; i++)
        for (int64_t r = 0; r < rows[i / stack]; r++)
            for (int64_t c = 0; c < width; c++) {
                const auto element = matrices.values[(i / stack * most + r) * width + c];
                products[i * most + r] += x.values[i * width + c] * element;
                sums[i * width + c] += y.values[i * most + r] * element;
            }
    const auto forth = [&](pt_tensor* out) { return pt_stacked_product(x.tensor, matrices.tensor, rows.data(), 0, out); };
    const auto back = [&](pt_tensor* out) { return pt_stacked_product(y.tensor, matrices.tensor, rows.data(), 1, out); };
    compare("products with rows", products, kFloat, forth);
    compare("sums of rows", sums, kFloat, back);
    // Each is the other's derivative.
    compare_gradient("products with rows", x, y, sums, kFloat, forth);
    compare_gradient("sums of rows", y, x, products, kFloat, back);
}

void gated_mixture() {
    const auto n = between(1, 9), count = between(1, 7), outputs = between(1, 5), length = between(1, 70);
    Array x({n, count, length}, kFloat), y({n, length}, kFloat), map({outputs, count + 1}, kFloat), gate({outputs, 2}, kFloat), factor({n}, kFloat);
    const auto scaled = between(0, 1) == 1;
    std::vector<double> expected(n * outputs * length);
    for (int64_t i = 0; i < n; i++) {
        std::vector<double> squares(outputs);
        double reference = 1e-3;
        for (int64_t m = 0; m < length; m++) {
            const auto more = y.values[i * length + m];
            reference += more * more;
            for (int64_t k = 0; k < outputs; k++) {
                double sum = map.values[k * (count + 1) + count] * more;
                for (int64_t j = 0; j < count; j++) sum += map.values[k * (count + 1) + j] * x.values[(i * count + j) * length + m];
                expected[(i * outputs + k) * length + m] = sum;
                squares[k] += sum * sum;
            }
        }
        for (auto square : squares) reference += square / outputs;
        for (int64_t k = 0; k < outputs; k++) {
            const auto r = std::sqrt(squares[k] / reference + 1e-3), factors = 2 / (1 + std::exp(-(gate.values[2 * k] * r + gate.values[2 * k + 1]))) * (scaled ? factor.values[i] : 1);
            for (int64_t m = 0; m < length; m++) expected[(i * outputs + k) * length + m] *= factors;
        }
    }
    compare("gated mixture of " + std::to_string(count) + " to " + std::to_string(outputs), expected, kFloat,
            [&](pt_tensor* out) { return pt_gated_mixture(x.tensor, y.tensor, map.tensor, gate.tensor, scaled ? factor.tensor : nullptr, 1e-3, out); });
}

void measured_mixture() {
    const auto n = between(1, 5), count = between(1, 5), outputs = between(1, 5), channels = between(1, 3), most = between(1, 40), width = between(1, 70);
    Array x({n, count, channels, width}, kFloat), there({n, most, width}, kFloat), back({n, most, width}, kFloat), middle({n, most, most}, kFloat), y({n, channels * most}, kFloat),
        map({outputs, count + 1}, kFloat), gate({outputs, 2}, kFloat), factor({n}, kFloat);
    const auto solved = between(0, 1) == 1;
    std::vector<int64_t> rows(n);
    for (auto& taken : rows) taken = between(0, most);
    std::vector<double> expected(n * outputs * channels * width);
    for (int64_t i = 0; i < n; i++) {
        const auto taken = rows[i], length = channels * taken;
        std::vector<double> measured(count * length), z(outputs * length), squares(outputs);
        for (int64_t k = 0; k < count * channels; k++)
            for (int64_t r = 0; r < taken; r++)
                for (int64_t c = 0; c < width; c++) measured[k * taken + r] += x.values[(i * count * channels + k) * width + c] * there.values[(i * most + r) * width + c];
        double reference = 1e-3;
        for (int64_t m = 0; m < length; m++) {
            const auto more = y.values[i * channels * most + m];
            reference += more * more;
            for (int64_t k = 0; k < outputs; k++) {
                double sum = map.values[k * (count + 1) + count] * more;
                for (int64_t j = 0; j < count; j++) sum += map.values[k * (count + 1) + j] * measured[j * length + m];
                z[k * length + m] = sum;
                squares[k] += sum * sum;
            }
        }
        for (auto square : squares) reference += square / outputs;
        for (int64_t k = 0; k < outputs; k++) {
            const auto r = std::sqrt(squares[k] / reference + 1e-3), factors = 2 / (1 + std::exp(-(gate.values[2 * k] * r + gate.values[2 * k + 1]))) * factor.values[i];
            for (int64_t c = 0; c < channels; c++) {
                std::vector<double> row(taken), brought(taken);
                for (int64_t m = 0; m < taken; m++) row[m] = z[k * length + c * taken + m] * factors;
                for (int64_t m = 0; m < taken; m++)
                    for (int64_t l = 0; l < taken; l++) brought[l] += row[m] * (solved ? middle.values[(i * most + m) * most + l] : m == l);
                for (int64_t m = 0; m < taken; m++)
                    for (int64_t w = 0; w < width; w++) expected[((i * outputs + k) * channels + c) * width + w] += brought[m] * back.values[(i * most + m) * width + w];
            }
        }
    }
    compare(solved ? "mixture of what is measured, solved" : "mixture of what is measured", expected, kFloat, [&](pt_tensor* out) {
        return pt_measured_mixture(x.tensor, there.tensor, rows.data(), y.tensor, map.tensor, gate.tensor, factor.tensor, 1e-3, solved ? middle.tensor : nullptr, back.tensor, out);
    });
}

}  // namespace

void check_transformers(int32_t dtype) {
    linear(dtype);
    matrix_product(dtype);
    rms_norm(dtype);
    gated_gelu(dtype);
    rotary_attention(dtype);
    stacked_product();
    gated_mixture();
    measured_mixture();
}
