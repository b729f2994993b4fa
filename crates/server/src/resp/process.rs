//! What the operating system says about this process.

use std::fs;

/// Clock ticks a second in `/proc`; Linux has answered 100 to user space since 2.4.
const TICKS: f64 = 100.0;

/// Processor seconds used so far: in the kernel, in user space.
pub fn cpu_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in parentheses that may hold blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_ascii_whitespace().collect();
    let seconds = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / TICKS;
    (seconds(12), seconds(11))
}

/// Resident bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// The most resident bytes so far.
pub fn peak_resident_bytes() -> u64 {
    kilobytes("/proc/self/status", "VmHWM:")
}

/// The machine's memory in bytes.
pub fn machine_bytes() -> u64 {
    kilobytes("/proc/meminfo", "MemTotal:")
}

/// The kernel's name and release.
pub fn os() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {} {}", os_name(), release.trim(), std::env::consts::ARCH)
}

fn os_name() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        other => other,
    }
}

fn kilobytes(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("");
    let number = line.split_ascii_whitespace().next().and_then(|text| text.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}
