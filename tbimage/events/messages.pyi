"""The types of tbimage.events.messages.

Written by proto/regenerate.py: to change it, change proto/tbimage/*.proto.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from google.protobuf.internal.containers import MessageMap as _Map
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer as _Messages
from google.protobuf.internal.containers import RepeatedScalarFieldContainer as _Scalars
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.internal.well_known_types import ListValue as _ListValue
from google.protobuf.internal.well_known_types import Struct as _Struct
from google.protobuf.message import Message

# tbimage/custom_scalars.proto

class Layout(Message):
    version: int
    @property
    def category(self) -> _Messages[Category]: ...
    def __init__(
        self,
        *,
        version: int | None = None,
        category: Iterable[Category] | None = None,
    ) -> None: ...

class Category(Message):
    title: str
    @property
    def chart(self) -> _Messages[Chart]: ...
    closed: bool
    def __init__(
        self,
        *,
        title: str | None = None,
        chart: Iterable[Chart] | None = None,
        closed: bool | None = None,
    ) -> None: ...

class Chart(Message):
    title: str
    @property
    def multiline(self) -> MultilineChartContent: ...
    @property
    def margin(self) -> MarginChartContent: ...
    def __init__(
        self,
        *,
        title: str | None = None,
        multiline: MultilineChartContent | Mapping[str, Any] | None = None,
        margin: MarginChartContent | Mapping[str, Any] | None = None,
    ) -> None: ...

class MultilineChartContent(Message):
    @property
    def tag(self) -> _Scalars[str]: ...
    def __init__(
        self,
        *,
        tag: Iterable[str] | None = None,
    ) -> None: ...

class MarginChartContent(Message):
    class Series(Message):
        value: str
        lower: str
        upper: str
        def __init__(
            self,
            *,
            value: str | None = None,
            lower: str | None = None,
            upper: str | None = None,
        ) -> None: ...

    @property
    def series(self) -> _Messages[MarginChartContent.Series]: ...
    def __init__(
        self,
        *,
        series: Iterable[MarginChartContent.Series] | None = None,
    ) -> None: ...

# tbimage/histogram.proto

class HistogramProto(Message):
    min: float
    max: float
    num: float
    sum: float
    sum_squares: float
    @property
    def bucket_limit(self) -> _Scalars[float]: ...
    @property
    def bucket(self) -> _Scalars[float]: ...
    def __init__(
        self,
        *,
        min: float | None = None,
        max: float | None = None,
        num: float | None = None,
        sum: float | None = None,
        sum_squares: float | None = None,
        bucket_limit: Iterable[float] | None = None,
        bucket: Iterable[float] | None = None,
    ) -> None: ...

# tbimage/tensor_shape.proto

class TensorShapeProto(Message):
    class Dim(Message):
        size: int
        name: str
        def __init__(
            self,
            *,
            size: int | None = None,
            name: str | None = None,
        ) -> None: ...

    @property
    def dim(self) -> _Messages[TensorShapeProto.Dim]: ...
    unknown_rank: bool
    def __init__(
        self,
        *,
        dim: Iterable[TensorShapeProto.Dim] | None = None,
        unknown_rank: bool | None = None,
    ) -> None: ...

# tbimage/types.proto

class _DataType(EnumTypeWrapper):
    DT_INVALID: Literal[0]
    DT_FLOAT: Literal[1]
    DT_DOUBLE: Literal[2]
    DT_INT32: Literal[3]
    DT_UINT8: Literal[4]
    DT_INT16: Literal[5]
    DT_INT8: Literal[6]
    DT_STRING: Literal[7]
    DT_COMPLEX64: Literal[8]
    DT_INT64: Literal[9]
    DT_BOOL: Literal[10]
    DT_QINT8: Literal[11]
    DT_QUINT8: Literal[12]
    DT_QINT32: Literal[13]
    DT_BFLOAT16: Literal[14]
    DT_QINT16: Literal[15]
    DT_QUINT16: Literal[16]
    DT_UINT16: Literal[17]
    DT_COMPLEX128: Literal[18]
    DT_HALF: Literal[19]
    DT_RESOURCE: Literal[20]
    DT_VARIANT: Literal[21]
    DT_UINT32: Literal[22]
    DT_UINT64: Literal[23]
    DT_FLOAT8_E5M2: Literal[24]
    DT_FLOAT8_E4M3FN: Literal[25]
    DT_FLOAT8_E4M3FNUZ: Literal[26]
    DT_FLOAT8_E4M3B11FNUZ: Literal[27]
    DT_FLOAT8_E5M2FNUZ: Literal[28]
    DT_INT4: Literal[29]
    DT_UINT4: Literal[30]
    DT_INT2: Literal[31]
    DT_UINT2: Literal[32]
    DT_FLOAT4_E2M1FN: Literal[33]

DataType: _DataType

# tbimage/tensor.proto

class TensorProto(Message):
    dtype: int
    @property
    def tensor_shape(self) -> TensorShapeProto: ...
    version_number: int
    tensor_content: bytes
    @property
    def half_val(self) -> _Scalars[int]: ...
    @property
    def float_val(self) -> _Scalars[float]: ...
    @property
    def double_val(self) -> _Scalars[float]: ...
    @property
    def int_val(self) -> _Scalars[int]: ...
    @property
    def string_val(self) -> _Scalars[bytes]: ...
    @property
    def scomplex_val(self) -> _Scalars[float]: ...
    @property
    def int64_val(self) -> _Scalars[int]: ...
    @property
    def bool_val(self) -> _Scalars[bool]: ...
    @property
    def dcomplex_val(self) -> _Scalars[float]: ...
    @property
    def resource_handle_val(self) -> _Messages[ResourceHandleProto]: ...
    @property
    def variant_val(self) -> _Messages[VariantTensorDataProto]: ...
    @property
    def uint32_val(self) -> _Scalars[int]: ...
    @property
    def uint64_val(self) -> _Scalars[int]: ...
    float8_val: bytes
    def __init__(
        self,
        *,
        dtype: int | None = None,
        tensor_shape: TensorShapeProto | Mapping[str, Any] | None = None,
        version_number: int | None = None,
        tensor_content: bytes | None = None,
        half_val: Iterable[int] | None = None,
        float_val: Iterable[float] | None = None,
        double_val: Iterable[float] | None = None,
        int_val: Iterable[int] | None = None,
        string_val: Iterable[bytes] | None = None,
        scomplex_val: Iterable[float] | None = None,
        int64_val: Iterable[int] | None = None,
        bool_val: Iterable[bool] | None = None,
        dcomplex_val: Iterable[float] | None = None,
        resource_handle_val: Iterable[ResourceHandleProto] | None = None,
        variant_val: Iterable[VariantTensorDataProto] | None = None,
        uint32_val: Iterable[int] | None = None,
        uint64_val: Iterable[int] | None = None,
        float8_val: bytes | None = None,
    ) -> None: ...

class VariantTensorDataProto(Message):
    type_name: str
    metadata: bytes
    @property
    def tensors(self) -> _Messages[TensorProto]: ...
    def __init__(
        self,
        *,
        type_name: str | None = None,
        metadata: bytes | None = None,
        tensors: Iterable[TensorProto] | None = None,
    ) -> None: ...

class ResourceHandleProto(Message):
    class DtypeAndShape(Message):
        dtype: int
        @property
        def shape(self) -> TensorShapeProto: ...
        def __init__(
            self,
            *,
            dtype: int | None = None,
            shape: TensorShapeProto | Mapping[str, Any] | None = None,
        ) -> None: ...

    device: str
    container: str
    name: str
    hash_code: int
    maybe_type_name: str
    @property
    def dtypes_and_shapes(self) -> _Messages[ResourceHandleProto.DtypeAndShape]: ...
    def __init__(
        self,
        *,
        device: str | None = None,
        container: str | None = None,
        name: str | None = None,
        hash_code: int | None = None,
        maybe_type_name: str | None = None,
        dtypes_and_shapes: Iterable[ResourceHandleProto.DtypeAndShape] | None = None,
    ) -> None: ...

# tbimage/summary.proto

class _DataClass(EnumTypeWrapper):
    DATA_CLASS_UNKNOWN: Literal[0]
    DATA_CLASS_SCALAR: Literal[1]
    DATA_CLASS_TENSOR: Literal[2]
    DATA_CLASS_BLOB_SEQUENCE: Literal[3]

DataClass: _DataClass

class SummaryMetadata(Message):
    class PluginData(Message):
        plugin_name: str
        content: bytes
        def __init__(
            self,
            *,
            plugin_name: str | None = None,
            content: bytes | None = None,
        ) -> None: ...

    @property
    def plugin_data(self) -> SummaryMetadata.PluginData: ...
    display_name: str
    summary_description: str
    data_class: int
    def __init__(
        self,
        *,
        plugin_data: SummaryMetadata.PluginData | Mapping[str, Any] | None = None,
        display_name: str | None = None,
        summary_description: str | None = None,
        data_class: int | None = None,
    ) -> None: ...

class Summary(Message):
    class Image(Message):
        height: int
        width: int
        colorspace: int
        encoded_image_string: bytes
        def __init__(
            self,
            *,
            height: int | None = None,
            width: int | None = None,
            colorspace: int | None = None,
            encoded_image_string: bytes | None = None,
        ) -> None: ...

    class Audio(Message):
        sample_rate: float
        num_channels: int
        length_frames: int
        encoded_audio_string: bytes
        content_type: str
        def __init__(
            self,
            *,
            sample_rate: float | None = None,
            num_channels: int | None = None,
            length_frames: int | None = None,
            encoded_audio_string: bytes | None = None,
            content_type: str | None = None,
        ) -> None: ...

    class Value(Message):
        tag: str
        node_name: str
        @property
        def metadata(self) -> SummaryMetadata: ...
        simple_value: float
        obsolete_old_style_histogram: bytes
        @property
        def image(self) -> Summary.Image: ...
        @property
        def histo(self) -> HistogramProto: ...
        @property
        def audio(self) -> Summary.Audio: ...
        @property
        def tensor(self) -> TensorProto: ...
        def __init__(
            self,
            *,
            tag: str | None = None,
            node_name: str | None = None,
            metadata: SummaryMetadata | Mapping[str, Any] | None = None,
            simple_value: float | None = None,
            obsolete_old_style_histogram: bytes | None = None,
            image: Summary.Image | Mapping[str, Any] | None = None,
            histo: HistogramProto | Mapping[str, Any] | None = None,
            audio: Summary.Audio | Mapping[str, Any] | None = None,
            tensor: TensorProto | Mapping[str, Any] | None = None,
        ) -> None: ...

    @property
    def value(self) -> _Messages[Summary.Value]: ...
    def __init__(
        self,
        *,
        value: Iterable[Summary.Value] | None = None,
    ) -> None: ...

# tbimage/event.proto

class Event(Message):
    wall_time: float
    step: int
    file_version: str
    graph_def: bytes
    @property
    def summary(self) -> Summary: ...
    @property
    def log_message(self) -> LogMessage: ...
    @property
    def session_log(self) -> SessionLog: ...
    @property
    def tagged_run_metadata(self) -> TaggedRunMetadata: ...
    meta_graph_def: bytes
    @property
    def source_metadata(self) -> SourceMetadata: ...
    def __init__(
        self,
        *,
        wall_time: float | None = None,
        step: int | None = None,
        file_version: str | None = None,
        graph_def: bytes | None = None,
        summary: Summary | Mapping[str, Any] | None = None,
        log_message: LogMessage | Mapping[str, Any] | None = None,
        session_log: SessionLog | Mapping[str, Any] | None = None,
        tagged_run_metadata: TaggedRunMetadata | Mapping[str, Any] | None = None,
        meta_graph_def: bytes | None = None,
        source_metadata: SourceMetadata | Mapping[str, Any] | None = None,
    ) -> None: ...

class SourceMetadata(Message):
    writer: str
    def __init__(
        self,
        *,
        writer: str | None = None,
    ) -> None: ...

class SessionLog(Message):
    class _SessionStatus(EnumTypeWrapper):
        STATUS_UNSPECIFIED: Literal[0]
        START: Literal[1]
        STOP: Literal[2]
        CHECKPOINT: Literal[3]

    SessionStatus: ClassVar[_SessionStatus]
    STATUS_UNSPECIFIED: ClassVar[Literal[0]]
    START: ClassVar[Literal[1]]
    STOP: ClassVar[Literal[2]]
    CHECKPOINT: ClassVar[Literal[3]]

    status: int
    checkpoint_path: str
    msg: str
    def __init__(
        self,
        *,
        status: int | None = None,
        checkpoint_path: str | None = None,
        msg: str | None = None,
    ) -> None: ...

class TaggedRunMetadata(Message):
    tag: str
    run_metadata: bytes
    def __init__(
        self,
        *,
        tag: str | None = None,
        run_metadata: bytes | None = None,
    ) -> None: ...

class LogMessage(Message):
    class _Level(EnumTypeWrapper):
        UNKNOWN: Literal[0]
        DEBUGGING: Literal[10]
        INFO: Literal[20]
        WARN: Literal[30]
        ERROR: Literal[40]
        FATAL: Literal[50]

    Level: ClassVar[_Level]
    UNKNOWN: ClassVar[Literal[0]]
    DEBUGGING: ClassVar[Literal[10]]
    INFO: ClassVar[Literal[20]]
    WARN: ClassVar[Literal[30]]
    ERROR: ClassVar[Literal[40]]
    FATAL: ClassVar[Literal[50]]

    level: int
    message: str
    def __init__(
        self,
        *,
        level: int | None = None,
        message: str | None = None,
    ) -> None: ...

# google/protobuf/struct.proto

class _NullValue(EnumTypeWrapper):
    NULL_VALUE: Literal[0]

NullValue: _NullValue

class Struct(_Struct, Message):
    @property
    def fields(self) -> _Map[str, Value]: ...
    def __init__(
        self,
        *,
        fields: Mapping[str, Value] | None = None,
    ) -> None: ...

class Value(Message):
    null_value: int
    number_value: float
    string_value: str
    bool_value: bool
    @property
    def struct_value(self) -> Struct: ...
    @property
    def list_value(self) -> ListValue: ...
    def __init__(
        self,
        *,
        null_value: int | None = None,
        number_value: float | None = None,
        string_value: str | None = None,
        bool_value: bool | None = None,
        struct_value: Struct | Mapping[str, Any] | None = None,
        list_value: ListValue | Mapping[str, Any] | None = None,
    ) -> None: ...

class ListValue(_ListValue, Message):
    @property
    def values(self) -> _Messages[Value]: ...
    def __init__(
        self,
        *,
        values: Iterable[Value] | None = None,
    ) -> None: ...

# tbimage/hparams.proto

class _HParamDataType(EnumTypeWrapper):
    DATA_TYPE_UNSET: Literal[0]
    DATA_TYPE_STRING: Literal[1]
    DATA_TYPE_BOOL: Literal[2]
    DATA_TYPE_FLOAT64: Literal[3]

HParamDataType: _HParamDataType

class _DatasetType(EnumTypeWrapper):
    DATASET_UNKNOWN: Literal[0]
    DATASET_TRAINING: Literal[1]
    DATASET_VALIDATION: Literal[2]

DatasetType: _DatasetType

class _Status(EnumTypeWrapper):
    STATUS_UNKNOWN: Literal[0]
    STATUS_SUCCESS: Literal[1]
    STATUS_FAILURE: Literal[2]
    STATUS_RUNNING: Literal[3]

Status: _Status

class HParamsPluginData(Message):
    version: int
    @property
    def experiment(self) -> Experiment: ...
    @property
    def session_start_info(self) -> SessionStartInfo: ...
    @property
    def session_end_info(self) -> SessionEndInfo: ...
    def __init__(
        self,
        *,
        version: int | None = None,
        experiment: Experiment | Mapping[str, Any] | None = None,
        session_start_info: SessionStartInfo | Mapping[str, Any] | None = None,
        session_end_info: SessionEndInfo | Mapping[str, Any] | None = None,
    ) -> None: ...

class Experiment(Message):
    name: str
    description: str
    user: str
    time_created_secs: float
    @property
    def hparam_infos(self) -> _Messages[HParamInfo]: ...
    @property
    def metric_infos(self) -> _Messages[MetricInfo]: ...
    def __init__(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        user: str | None = None,
        time_created_secs: float | None = None,
        hparam_infos: Iterable[HParamInfo] | None = None,
        metric_infos: Iterable[MetricInfo] | None = None,
    ) -> None: ...

class HParamInfo(Message):
    name: str
    display_name: str
    description: str
    type: int
    @property
    def domain_discrete(self) -> ListValue: ...
    @property
    def domain_interval(self) -> Interval: ...
    differs: bool
    def __init__(
        self,
        *,
        name: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        type: int | None = None,
        domain_discrete: ListValue | Mapping[str, Any] | None = None,
        domain_interval: Interval | Mapping[str, Any] | None = None,
        differs: bool | None = None,
    ) -> None: ...

class Interval(Message):
    min_value: float
    max_value: float
    def __init__(
        self,
        *,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None: ...

class MetricInfo(Message):
    @property
    def name(self) -> MetricName: ...
    display_name: str
    description: str
    dataset_type: int
    def __init__(
        self,
        *,
        name: MetricName | Mapping[str, Any] | None = None,
        display_name: str | None = None,
        description: str | None = None,
        dataset_type: int | None = None,
    ) -> None: ...

class MetricName(Message):
    group: str
    tag: str
    def __init__(
        self,
        *,
        group: str | None = None,
        tag: str | None = None,
    ) -> None: ...

class SessionStartInfo(Message):
    @property
    def hparams(self) -> _Map[str, Value]: ...
    model_uri: str
    monitor_url: str
    group_name: str
    start_time_secs: float
    def __init__(
        self,
        *,
        hparams: Mapping[str, Value] | None = None,
        model_uri: str | None = None,
        monitor_url: str | None = None,
        group_name: str | None = None,
        start_time_secs: float | None = None,
    ) -> None: ...

class SessionEndInfo(Message):
    status: int
    end_time_secs: float
    def __init__(
        self,
        *,
        status: int | None = None,
        end_time_secs: float | None = None,
    ) -> None: ...

# tbimage/plugin_data.proto

class ScalarPluginData(Message):
    version: int
    def __init__(
        self,
        *,
        version: int | None = None,
    ) -> None: ...

class HistogramPluginData(Message):
    version: int
    def __init__(
        self,
        *,
        version: int | None = None,
    ) -> None: ...

class TextPluginData(Message):
    version: int
    def __init__(
        self,
        *,
        version: int | None = None,
    ) -> None: ...

class ImagePluginData(Message):
    version: int
    converted_to_tensor: bool
    def __init__(
        self,
        *,
        version: int | None = None,
        converted_to_tensor: bool | None = None,
    ) -> None: ...

class AudioPluginData(Message):
    class _Encoding(EnumTypeWrapper):
        UNKNOWN: Literal[0]
        WAV: Literal[11]

    Encoding: ClassVar[_Encoding]
    UNKNOWN: ClassVar[Literal[0]]
    WAV: ClassVar[Literal[11]]

    version: int
    encoding: int
    converted_to_tensor: bool
    def __init__(
        self,
        *,
        version: int | None = None,
        encoding: int | None = None,
        converted_to_tensor: bool | None = None,
    ) -> None: ...

class PrCurvePluginData(Message):
    version: int
    num_thresholds: int
    def __init__(
        self,
        *,
        version: int | None = None,
        num_thresholds: int | None = None,
    ) -> None: ...

class MeshPluginData(Message):
    class _ContentType(EnumTypeWrapper):
        UNDEFINED: Literal[0]
        VERTEX: Literal[1]
        FACE: Literal[2]
        COLOR: Literal[3]

    ContentType: ClassVar[_ContentType]
    UNDEFINED: ClassVar[Literal[0]]
    VERTEX: ClassVar[Literal[1]]
    FACE: ClassVar[Literal[2]]
    COLOR: ClassVar[Literal[3]]

    version: int
    name: str
    content_type: int
    json_config: str
    @property
    def shape(self) -> _Scalars[int]: ...
    components: int
    def __init__(
        self,
        *,
        version: int | None = None,
        name: str | None = None,
        content_type: int | None = None,
        json_config: str | None = None,
        shape: Iterable[int] | None = None,
        components: int | None = None,
    ) -> None: ...

# tbimage/projector.proto

class ProjectorConfig(Message):
    model_checkpoint_path: str
    @property
    def embeddings(self) -> _Messages[EmbeddingInfo]: ...
    model_checkpoint_dir: str
    def __init__(
        self,
        *,
        model_checkpoint_path: str | None = None,
        embeddings: Iterable[EmbeddingInfo] | None = None,
        model_checkpoint_dir: str | None = None,
    ) -> None: ...

class EmbeddingInfo(Message):
    tensor_name: str
    metadata_path: str
    bookmarks_path: str
    @property
    def tensor_shape(self) -> _Scalars[int]: ...
    @property
    def sprite(self) -> SpriteMetadata: ...
    tensor_path: str
    def __init__(
        self,
        *,
        tensor_name: str | None = None,
        metadata_path: str | None = None,
        bookmarks_path: str | None = None,
        tensor_shape: Iterable[int] | None = None,
        sprite: SpriteMetadata | Mapping[str, Any] | None = None,
        tensor_path: str | None = None,
    ) -> None: ...

class SpriteMetadata(Message):
    image_path: str
    @property
    def single_image_dim(self) -> _Scalars[int]: ...
    def __init__(
        self,
        *,
        image_path: str | None = None,
        single_image_dim: Iterable[int] | None = None,
    ) -> None: ...
