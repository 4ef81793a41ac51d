//! The kernels of a multi-scalar multiplication as WGSL text. docs/gpu.md has the passes; [`crate::msm`] runs them.
//!
//! Depends on: [`super::curve`].

use super::curve::{Group, source};
use super::field::Form;

/// Bits of an entry's key; the block of a table stands above.
pub(crate) const KEY_BITS: u32 = 24;

/// Most blocks of a table.
pub(crate) const BLOCKS_MAX: u32 = 1 << (32 - KEY_BITS);

/// Counts that one thread of a scan sums.
pub(crate) const SCAN_CHUNK: u32 = 32;

/// Buckets that one thread of the weighted sum reduces.
pub(crate) const REDUCE_CHUNK: u32 = 8;

const ENTRY: &str = "
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let t = thread(group, groups, local);
";

/// Calls `BODY` for each digit of scalar t that is not 0 and in the windows `begin..end`: with `key` its bucket, `block` its block of a table and `negative`.
/// The first window's buckets begin at `slot`: lists of scalars that are summed together have their own.
/// Digits are signed, in -2^(bits - 1) < d <= 2^(bits - 1): what is above borrows from the next window. There are enough windows for the last borrow.
const DIGITS: &str = "
struct Given { count: u32, offset: u32, bits: u32, windows: u32, per: u32, blocks: u32, begin: u32, end: u32, slot: u32 }
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> scalars: array<u32>;
";

const EACH_DIGIT: &str = "
    if t >= given.count { return; }
    let at = 8u * (given.offset + t);
    let buckets = 1u << (given.bits - 1u);
    var carry = 0u;
    for (var window = 0u; window < given.end; window++) {
        let bit = window * given.bits;
        let word = bit >> 5u;
        let shift = bit & 31u;
        var digit = 0u;
        if word < 8u { digit = scalars[at + word] >> shift; }
        if word < 7u && shift != 0u { digit |= scalars[at + word + 1u] << (32u - shift); }
        digit = (digit & (2u * buckets - 1u)) + carry;
        carry = select(0u, 1u, digit > buckets);
        let negative = carry;
        if negative != 0u { digit = 2u * buckets - digit; }
        if digit != 0u && window >= given.begin {
            let block = min(window / given.per, given.blocks - 1u);
            let key = (given.slot + window - block * given.per - select(0u, given.begin, given.blocks == 1u)) * buckets + digit - 1u;
            BODY
        }
    }
}
";

/// Counts the digits of each bucket.
pub(crate) fn count() -> String {
    let each = EACH_DIGIT.replace("BODY", "atomicAdd(&counts[key], 1u);");
    format!(
        "{DIGITS}@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;\n{ENTRY}{each}"
    )
}

/// Writes each digit where its bucket's cursor points.
pub(crate) fn scatter() -> String {
    let body = format!(
        "entries[atomicAdd(&cursors[key], 1u)] = vec2<u32>(key | (block << {KEY_BITS}u), t | (negative << 31u));"
    );
    format!(
        "{DIGITS}@group(0) @binding(1) var<storage, read_write> cursors: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read_write> entries: array<vec2<u32>>;
{ENTRY}{}",
        EACH_DIGIT.replace("BODY", &body)
    )
}

/// The sums of chunks of counts.
pub(crate) fn fold() -> String {
    format!(
        "struct Given {{ count: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> parts: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;
{ENTRY}
    let begin = t * {SCAN_CHUNK}u;
    if begin >= given.count {{ return; }}
    var sum = 0u;
    for (var i = begin; i < min(begin + {SCAN_CHUNK}u, given.count); i++) {{ sum += parts[i]; }}
    sums[t] = sum;
}}"
    )
}

/// Replaces counts by the sum of all before them, given those of the chunks.
pub(crate) fn spread() -> String {
    format!(
        "struct Given {{ count: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> before: array<u32>;
@group(0) @binding(1) var<storage, read_write> parts: array<u32>;
{ENTRY}
    let begin = t * {SCAN_CHUNK}u;
    if begin >= given.count {{ return; }}
    var sum = before[t];
    for (var i = begin; i < min(begin + {SCAN_CHUNK}u, given.count); i++) {{
        let part = parts[i];
        parts[i] = sum;
        sum += part;
    }}
}}"
    )
}

fn coordinate(group: Group, array: &str, at: &str) -> String {
    let vectors: Vec<String> = (0..group.coordinate_vectors())
        .map(|i| format!("{array}[{at} + {i}u]"))
        .collect();
    format!("Coordinate({})", vectors.join(", "))
}

/// Functions `load_{array}(index)` and, if it may be written, `store_{array}(index, sum)`.
fn sums(group: Group, array: &str, write: bool) -> String {
    let vectors = group.coordinate_vectors();
    let part = |i: u32| {
        format!(
            "f_unpack({})",
            coordinate(group, array, &format!("at + {}u", i * vectors))
        )
    };
    let mut text = format!(
        "fn load_{array}(index: u32) -> Sum {{ let at = index * {}u; return Sum({}, {}, {}, {}); }}\n",
        4 * vectors,
        part(0),
        part(1),
        part(2),
        part(3)
    );
    if write {
        text += &format!(
            "fn store_{array}(index: u32, sum: Sum) {{ let at = index * {}u;\n",
            4 * vectors
        );
        for (i, name) in ["x", "y", "zz", "zzz"].iter().enumerate() {
            text += &format!("let {name} = f_pack(sum.{name});\n");
            for j in 0..vectors {
                text += &format!("{array}[at + {}u] = {name}[{j}];\n", i as u32 * vectors + j);
            }
        }
        text += "}\n";
    }
    text
}

const KEYS: &str = "
const NONE = 0xffffffffu;
// What a thread has summed of a bucket that began before its part of the list goes to heads; what began in it, to the bucket.
fn flush(t: u32, key: u32, head: bool, sum: Sum) {
    if head { store_heads(t, sum); keys[t] = key; } else { store_buckets(key, sum); }
}
";

/// Sums equal parts of the sorted list of entries, whatever buckets they belong to: no bucket is heavy. Of `len` bases a block, those from `limit` on are left
/// out.
pub(crate) fn accumulate(form: Form, group: Group) -> String {
    let vectors = group.coordinate_vectors();
    let x = coordinate(group, "points", "at");
    let y = coordinate(group, "points", &format!("at + {vectors}u"));
    let any = |name: &str| {
        (0..vectors)
            .map(|i| format!("{name}[{i}]"))
            .collect::<Vec<_>>()
            .join(" | ")
    };
    format!(
        "{}
struct Given {{ threads: u32, chunk: u32, first: u32, len: u32, limit: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> entries: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> total: array<u32>;
@group(0) @binding(2) var<storage, read> points: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> buckets: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> heads: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> keys: array<u32>;
{}{}{KEYS}
const KEY = {}u;
{ENTRY}
    if t >= given.threads {{ return; }}
    keys[t] = NONE;
    let begin = t * given.chunk;
    let end = min(begin + given.chunk, total[0]);
    if begin >= end {{ return; }}
    var key = entries[begin].x & KEY;
    var head = false;
    if begin != 0u {{ head = (entries[begin - 1u].x & KEY) == key; }}
    var sum = infinity();
    for (var i = begin; i < end; i++) {{
        let entry = entries[i];
        if (entry.x & KEY) != key {{
            flush(t, key, head, sum);
            sum = infinity();
            key = entry.x & KEY;
            head = false;
        }}
        let index = (entry.y & 0x7fffffffu) - given.first;
        if index < given.limit {{
            let at = ((entry.x >> {KEY_BITS}u) * given.len + index) * {}u;
            let x = {x};
            let y = {y};
            if any(({} | {}) != vec4<u32>()) {{
                let positive = f_unpack_key(y);
                sum = add_base(sum, f_unpack_key(x), f_select(positive, f_negkey(positive), (entry.y >> 31u) != 0u));
            }}
        }}
    }}
    flush(t, key, head, sum);
}}",
        source(form, group),
        sums(group, "buckets", true),
        sums(group, "heads", true),
        (1u32 << KEY_BITS) - 1,
        2 * vectors,
        any("x"),
        any("y"),
    )
}

/// Adds equal parts of the list of heads to their buckets, or to fewer heads: a bucket belongs to the thread in whose part its heads begin.
pub(crate) fn join(form: Form, group: Group) -> String {
    format!(
        "{}
struct Given {{ count: u32, chunk: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> parts: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> part_keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> buckets: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> heads: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> keys: array<u32>;
{}{}{}{KEYS}
{ENTRY}
    let begin = t * given.chunk;
    if begin >= given.count {{ return; }}
    keys[t] = NONE;
    var key = NONE;
    var head = false;
    var sum = infinity();
    for (var i = begin; i < min(begin + given.chunk, given.count); i++) {{
        let k = part_keys[i];
        if k != NONE {{
            if k != key {{
                if key != NONE {{ flush(t, key, head, sum); }}
                key = k;
                head = false;
                if i != 0u {{ head = part_keys[i - 1u] == k; }}
                sum = infinity();
                if !head {{ sum = load_buckets(k); }}
            }}
            sum = add(sum, load_parts(i));
        }}
    }}
    if key != NONE {{ flush(t, key, head, sum); }}
}}",
        source(form, group),
        sums(group, "parts", false),
        sums(group, "buckets", true),
        sums(group, "heads", true),
    )
}

/// One level of the weighted sum of buckets. Of chunks of eight, r is the plain sum and w the weighted one: weights 1 to 8 on the first level. On the others
/// weights are 0 to 7 times 8^level, which is that many doublings, and w takes the eight w of the level before. All additions are one piece of code in a loop.
pub(crate) fn reduce(form: Form, group: Group) -> String {
    format!(
        "{}
struct Given {{ count: u32, doublings: u32, first: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> plain: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> weighted: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> plains: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> weighteds: array<vec4<u32>>;
{}{}{}{}
const CHUNK = {REDUCE_CHUNK}u;
{ENTRY}
    if t >= given.count {{ return; }}
    let at = t * CHUNK;
    var r = infinity();
    var w = infinity();
    let steps = select(3u * CHUNK + given.doublings, 2u * CHUNK, given.first != 0u);
    for (var step = 0u; step < steps; step++) {{
        var a = w;
        var b = w;
        let plain_step = step < 2u * CHUNK && (step + given.first) % 2u != 0u;
        if plain_step {{
            a = r;
            b = load_plain(at + CHUNK - 1u - step / 2u);
        }} else if step < 2u * CHUNK {{
            b = r;
        }} else if step >= 2u * CHUNK + given.doublings {{
            b = load_weighted(at + step - 2u * CHUNK - given.doublings);
        }}
        let c = add(a, b);
        if plain_step {{ r = c; }} else {{ w = c; }}
    }}
    store_plains(t, r);
    store_weighteds(t, w);
}}",
        source(form, group),
        sums(group, "plain", false),
        sums(group, "weighted", false),
        sums(group, "plains", true),
        sums(group, "weighteds", true),
    )
}
