//! Ids and summaries of the traces of a row group: what trace-by-id searches and what search reads instead of spans.

use model::TraceId;
use stdx::varint::{put_u64, take_u64};

use super::codec::{Packer, take_ints};
use super::rows::{Fixed, Rows, STATUS_ERROR};

/// One entry a trace (or fragment); sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceTable {
    pub ids: Vec<TraceId>,
    /// Rows before and with each trace.
    pub row_ends: Vec<u32>,
    pub start: Vec<u64>,
    pub end: Vec<u64>,
    pub errors: Vec<u64>,
    /// 0: no root here. Else the row in the trace + 1.
    pub root: Vec<u64>,
    /// Of the root, as a number in the names' dictionary.
    pub root_name: Vec<u64>,
    /// As a number among the block's services.
    pub root_service: Vec<u64>,
    service_ends: Vec<u32>,
    /// Service, spans, errors.
    services: Vec<(u32, u32, u32)>,
}

impl TraceTable {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn rows(&self, trace: usize) -> std::ops::Range<usize> {
        let start = if trace == 0 { 0 } else { self.row_ends[trace - 1] };
        start as usize..self.row_ends[trace] as usize
    }

    /// (service, spans, errors), by service number.
    pub(crate) fn services(&self, trace: usize) -> &[(u32, u32, u32)] {
        let start = if trace == 0 { 0 } else { self.service_ends[trace - 1] };
        &self.services[start as usize..self.service_ends[trace] as usize]
    }

    /// Places of the entries for `id`: several if the trace is in fragments.
    pub(crate) fn find(&self, id: TraceId) -> std::ops::Range<usize> {
        let start = self.ids.partition_point(|have| *have < id);
        let end = self.ids.partition_point(|have| *have <= id);
        start..end
    }

    /// `service_of` gives the service of a resource.
    pub(crate) fn of_rows(rows: &Rows, service_of: impl Fn(u32) -> u32) -> Self {
        let mut table = Self::default();
        let mut row = 0usize;
        for trace in &rows.traces {
            table.ids.push(trace.id);
            table.start.push(trace.start);
            table.end.push(trace.end);
            table.errors.push(u64::from(trace.errors));
            let root = trace.root.map(|root| root as usize);
            table.root.push(root.map_or(0, |root| (root - row) as u64 + 1));
            table.root_name.push(root.map_or(0, |root| rows.get(Fixed::Name, root)));
            let resource = |row: usize| rows.get(Fixed::Resource, row) as u32;
            table.root_service.push(root.map_or(0, |root| u64::from(service_of(resource(root)))));
            let first = table.services.len();
            for row in row..row + trace.rows as usize {
                let service = service_of(resource(row));
                let error = u32::from(rows.get(Fixed::Status, row) == STATUS_ERROR);
                match table.services[first..].iter_mut().find(|have| have.0 == service) {
                    Some(have) => *have = (service, have.1 + 1, have.2 + error),
                    None => table.services.push((service, 1, error)),
                }
            }
            table.services[first..].sort_unstable();
            row += trace.rows as usize;
            table.row_ends.push(row as u32);
            table.service_ends.push(table.services.len() as u32);
        }
        table
    }

    pub(crate) fn encode(&self, packer: &mut Packer) -> Vec<u8> {
        let mut out = Vec::new();
        put_u64(&mut out, self.len() as u64);
        put_u64(&mut out, self.services.len() as u64);
        let halves = |id: &TraceId| {
            let whole = u128::from_be_bytes(id.0);
            ((whole >> 64) as u64, whole as u64)
        };
        let mut before = 0;
        let high: Vec<u64> =
            self.ids.iter().map(|id| halves(id).0 - std::mem::replace(&mut before, halves(id).0)).collect();
        packer.ints(&mut out, &high);
        packer.ints(&mut out, &self.ids.iter().map(|id| halves(id).1).collect::<Vec<_>>());
        packer.ints(&mut out, &gaps(&self.row_ends));
        packer.ints(&mut out, &self.start);
        let durations: Vec<u64> = self.end.iter().zip(&self.start).map(|(end, start)| end - start).collect();
        for column in [&durations, &self.errors, &self.root, &self.root_name, &self.root_service] {
            packer.ints(&mut out, column);
        }
        packer.ints(&mut out, &gaps(&self.service_ends));
        let parts: [fn(&(u32, u32, u32)) -> u32; 3] = [|s| s.0, |s| s.1, |s| s.2];
        for part in parts {
            packer.ints(&mut out, &self.services.iter().map(|s| u64::from(part(s))).collect::<Vec<_>>());
        }
        out
    }

    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let count = usize::try_from(take_u64(input)?).ok()?;
        let service_count = usize::try_from(take_u64(input)?).ok()?;
        let high = take_ints(input, count)?;
        let low = take_ints(input, count)?;
        let mut before = 0u64;
        let mut ids = Vec::with_capacity(count);
        for (high, low) in high.iter().zip(&low) {
            before = before.checked_add(*high)?;
            ids.push(TraceId((u128::from(before) << 64 | u128::from(*low)).to_be_bytes()));
        }
        let row_ends = sums(&take_ints(input, count)?)?;
        let start = take_ints(input, count)?;
        let mut end = take_ints(input, count)?;
        for (end, start) in end.iter_mut().zip(&start) {
            *end = end.checked_add(*start)?;
        }
        let (errors, root) = (take_ints(input, count)?, take_ints(input, count)?);
        let (root_name, root_service) = (take_ints(input, count)?, take_ints(input, count)?);
        let service_ends = sums(&take_ints(input, count)?)?;
        if service_ends.last().copied().unwrap_or(0) as usize != service_count {
            return None;
        }
        let [service, spans, service_errors] =
            [(); 3].map(|()| take_ints(input, service_count).unwrap_or_default());
        if service_errors.len() != service_count || !input.is_empty() {
            return None;
        }
        let services = service
            .iter()
            .zip(spans.iter().zip(&service_errors))
            .map(|(service, (spans, errors))| (*service as u32, *spans as u32, *errors as u32))
            .collect();
        Some(Self {
            ids,
            row_ends,
            start,
            end,
            errors,
            root,
            root_name,
            root_service,
            service_ends,
            services,
        })
    }
}

fn gaps(ends: &[u32]) -> Vec<u64> {
    let mut before = 0;
    ends.iter().map(|end| u64::from(*end - std::mem::replace(&mut before, *end))).collect()
}

fn sums(gaps: &[u64]) -> Option<Vec<u32>> {
    let mut sum = 0u32;
    gaps.iter()
        .map(|gap| {
            sum = sum.checked_add(u32::try_from(*gap).ok()?)?;
            Some(sum)
        })
        .collect()
}
