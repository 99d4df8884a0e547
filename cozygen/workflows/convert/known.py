"""The widgets of ComfyUI's core nodes in the editor's order, for engines that do not know them.

A workflow can be imported, and its form be seen, before there is a ComfyUI to run it. What the editor itself adds after
a seed is left out. The source is ComfyUI's ``INPUT_TYPES`` and schemas.
"""

from __future__ import annotations

_CORE = """
AlignYourStepsScheduler: model_type steps denoise
AnimaLLLiteApply: strength start_percent end_percent
ARVideoI2V: width height length batch_size
AudioAdjustVolume: volume
AudioConcat: direction
AudioEncoderLoader: audio_encoder_name
AudioMerge: merge_method
BakeAmbientOcclusion: resolution samples max_distance strength bias
BakeNormalMapFromMesh: resolution cage_distance ignore_backfaces
BakeTextureFromVoxel: texture_size
BasicScheduler: scheduler steps denoise
BetaSamplingScheduler: steps alpha beta
CameraAngle: horizontal_angle vertical_angle zoom view
Canny: low_threshold high_threshold
CFGGuider: cfg
CFGNorm: strength
CFGOverride: cfg start_percent end_percent
CheckpointLoader: config_name ckpt_name
CheckpointLoaderSimple: ckpt_name
CheckpointSave: filename_prefix
ChromaRadianceOptions: preserve_wrapper start_sigma end_sigma nerf_tile_size
CLIPLoader: clip_name type device
CLIPLoaderGGUF: clip_name type
CLIPSetLastLayer: stop_at_clip_layer
CLIPTextEncode: text
CLIPTextEncodeControlnet: text
CLIPTextEncodeFlux: clip_l t5xxl guidance
CLIPTextEncodeHunyuanDiT: bert mt5xl
CLIPTextEncodeSD3: clip_l clip_g t5xxl empty_padding
CLIPTextEncodeSDXL: width height crop_w crop_h target_width target_height text_g text_l
CLIPTextEncodeSDXLRefiner: ascore width height text
CLIPVisionEncode: crop
CLIPVisionLoader: clip_name
ColorToRGBInt: color
ComfyMathExpression: expression
ComfySwitchNode: switch
ConditioningAverage: conditioning_to_strength
ConditioningLoader: conditioning_name
ConditioningSetArea: width height x y strength
ConditioningSetTimestepRange: start end
ContextWindowsManual: context_length context_overlap context_schedule context_stride closed_loop fuse_method dim
ControlNetApply: strength
ControlNetApplyAdvanced: strength start_percent end_percent
ControlNetInpaintingAliMamaApply: strength start_percent end_percent
ControlNetLoader: control_net_name
ConvertArrayToString: indent
ConvertDictionaryToString: indent
CreateBoundingBoxes: width height editor_state last_incoming
CreateVideo: fps
CropMask: x y width height
DecimateMesh: target_face_count placement_mode
DiffControlNetLoader: control_net_name
DifferentialDiffusion: strength
DiffusersLoader: model_path
DualCFGGuider: cfg_conds cfg_cond2_negative style
DualCLIPLoader: clip_name1 clip_name2 type device
DualCLIPLoaderGGUF: clip_name1 clip_name2 type
EasyCache: reuse_threshold start_percent end_percent verbose
EmptyAceStep1.5LatentAudio: seconds batch_size
EmptyAceStepLatentAudio: seconds batch_size
EmptyAudio: duration sample_rate channels
EmptyChromaRadianceLatentImage: width height batch_size
EmptyFlux2LatentImage: width height batch_size
EmptyHiDreamO1LatentImage: width height batch_size
EmptyHunyuanLatentVideo: width height length batch_size
EmptyHunyuanVideo15Latent: width height length batch_size
EmptyImage: width height batch_size color
EmptyLatentAudio: seconds batch_size
EmptyLatentHunyuan3Dv2: resolution batch_size
EmptyLatentImage: width height batch_size
EmptyLTXVLatentVideo: width height length batch_size
EmptyQwenImageLayeredLatentImage: width height layers batch_size
EmptySD3LatentImage: width height batch_size
EmptyTrellis2LatentStructure: batch_size
EmptyYuE2LatentAudio: seconds batch_size
EndLoop: accumulate
ExponentialScheduler: steps sigma_max sigma_min
FeatherMask: left top right bottom
Flux2Scheduler: steps width height
Flux3LayoutPrompt: prompt
FluxGuidance: guidance
FluxKontextMultiReferenceLatentMethod: reference_latents_method
FrameInterpolate: multiplier
FrameInterpolationModelLoader: model_name
FreeU: b1 b2 s1 s2
FreeU_V2: b1 b2 s1 s2
GetItemFromList: index
GLIGENLoader: gligen_name
GLIGENTextBoxApply: text width height x y
GrowMask: expand tapered_corners
HunyuanVideo15ImageToVideo: width height length batch_size
HunyuanVideo15LatentUpscaleWithModel: upscale_method width height crop
HypernetworkLoader: hypernetwork_name strength
HyperTile: tile_size swap_size max_depth scale_depth
Ideogram4Scheduler: steps width height mu std
ImageBlend: blend_factor blend_mode
ImageBlur: blur_radius sigma
ImageColorToMask: color
ImageCompositeMasked: x y resize_source
ImageCropToMask: width height pad_factor grow_mask background
ImageCropV2: crop_region x y width height
ImageFromBatch: batch_index length
ImageOnlyCheckpointLoader: ckpt_name
ImagePadForOutpaint: left top right bottom feathering
ImageQuantize: colors dither
ImageScale: upscale_method width height crop
ImageScaleBy: upscale_method scale_by
ImageScaleToMaxDimension: upscale_method largest_size
ImageScaleToTotalPixels: upscale_method megapixels
ImageSharpen: sharpen_radius sigma alpha
ImageStitch: direction match_image_size spacing_width spacing_color
ImageToMask: channel
InpaintModelConditioning: noise_mask
JsonExtractString: json_string key
Kandinsky5ImageToVideo: width height length batch_size
KarrasScheduler: steps sigma_max sigma_min rho
KSampler: seed steps cfg sampler_name scheduler denoise
KSampler (Efficient): seed steps cfg sampler_name scheduler denoise
KSamplerAdvanced: add_noise noise_seed steps cfg sampler_name scheduler start_at_step end_at_step \
return_with_leftover_noise
KSamplerSelect: sampler_name
LatentComposite: x y feather
LatentConcat: dim
LatentCrop: width height x y
LatentCut: dim index amount
LatentFlip: flip_method
LatentFromBatch: batch_index length
LatentOperationTonemapReinhard: multiplier
LatentRotate: rotation
LatentUpscale: upscale_method width height crop
LatentUpscaleBy: upscale_method scale_by
LatentUpscaleModelLoader: model_name
LoadAudio: audio
LoadBackgroundRemovalModel: bg_removal_name
LoadImage: image
LoadImageMask: image channel
LoadImageOutput: image
LoadLatent: latent
LoadMoGeModel: model_name
LoadVideo: file
LoraLoader: lora_name strength_model strength_clip
LoraLoaderModelOnly: lora_name strength_model
LoraSave: filename_prefix rank lora_type bias_diff
LTXAVTextEncoderLoader: text_encoder ckpt_name device
LTXVAddGuide: frame_idx strength
LTXVAudioVAELoader: ckpt_name
LTXVConditioning: frame_rate
LTXVEmptyLatentAudio: frames_number frame_rate batch_size
LTXVImgToVideo: width height length batch_size strength
LTXVImgToVideoInplace: strength bypass
LTXVPreprocess: img_compression
LTXVReferenceAudio: identity_guidance_scale start_percent end_percent
LTXVScheduler: steps max_shift base_shift stretch terminal
ManualSigmas: sigmas
MarigoldV2PostProcess: prediction
MaskComposite: x y operation
MeshSmoothNormals: crease_angle
MiniMaxH3AddGuide: frame_idx
MiniMaxH3FunControlNetApply: strength start_percent end_percent
MiniMaxH3ImageToVideo: prompt width height length
MiniMaxH3ReferenceToVideo: prompt width height length ref_image_size
MiniMaxH3SigmaShift: shift_video shift_audio
ModelAttentionBackend: attention
ModelPatchLoader: name
ModelSamplingAuraFlow: shift
ModelSamplingDiscrete: sampling zsnr
ModelSamplingFlux: max_shift base_shift width height
ModelSamplingSD3: shift
MoGeGeometryToFOV: axis unit
MoGeInference: resolution_level fov_x_degrees batch_size force_projection apply_mask refine_steps
MoGePanoramaInference: resolution_level split_resolution merge_resolution batch_size refine_steps
MoGePointMapToMesh: batch_index decimation discontinuity_threshold texture
MoGeRender: output
MOSSImageControl: strength start_percent end_percent
MOSSImageLayoutPrompt: prompt width height character_boxes
OpticalFlowLoader: model_name
PatchModelAddDownscale: block_number downscale_factor start_percent end_percent downscale_after_skip \
downscale_method upscale_method
PerpNeg: neg_scale
PerturbedAttentionGuidance: scale
PhotoMakerLoader: photomaker_model_name
PiDConditioning: latent_format degrade_sigma
Pixal3DConditioning: camera_angle_x
Pixal3DMultiViewConditioning: fov
PolyexponentialScheduler: steps sigma_max sigma_min rho
Preview3D: model_file
PreviewAny: 
PrimitiveBoolean: value
PrimitiveFloat: value
PrimitiveInt: value
PrimitiveString: value
PrimitiveStringMultiline: value
QuadrupleCLIPLoader: clip_name1 clip_name2 clip_name3 clip_name4
QwenImage21Cache: device dtype
QwenImageDiffsynthControlnet: strength
RandomNoise: noise_seed
RebatchImages: batch_size
RecordAudio: audio
RegexExtract: string regex_pattern mode case_insensitive multiline dotall group_index
RegexReplace: string regex_pattern replace case_insensitive multiline dotall count
RenderUVAtlas: resolution
RepeatImageBatch: amount
RepeatLatentBatch: amount
RescaleCFG: multiplier
ResizeAndPadImage: target_width target_height padding_color interpolation
ResolutionSelector: aspect_ratio megapixels multiple
RTDETR_detect: threshold class_name max_detections
SAM3_Detect: threshold refine_iterations individual_masks
SAM3_VideoTrack: detection_threshold max_objects detect_interval
SAM3DBody_FaceExpression: strength mouth_strength eye_strength brow_strength input_threshold blendshape_smooth_window
SAM3DBody_Loader: model_file
SAM3DBody_Predict: run_hand_refinement fov batch_size
SAM3DBody_Smooth: strength method window rotation_threshold_degrees
SamplerCustom: add_noise noise_seed cfg
SamplerER_SDE: solver_type max_stage eta s_noise
SamplerEulerAncestral: eta s_noise
SamplerLCM: s_noise s_noise_end noise_clip_std
SaveAnimatedPNG: filename_prefix fps compress_level
SaveAnimatedWEBP: filename_prefix fps lossless quality method
SaveAudioMP3: filename_prefix quality
SaveGLB: filename_prefix
SaveImage: filename_prefix
SaveLatent: filename_prefix
SaveSVGNode: filename_prefix
SaveText: filename_prefix format
SaveVideo: filename_prefix format codec
SaveWEBM: filename_prefix codec fps crf
SDPoseDrawKeypoints: draw_body draw_hands draw_face draw_feet stick_width face_point_size score_threshold draw_head
SDPoseKeypointExtractor: batch_size
SDTurboScheduler: steps denoise
SeedVR2PostProcessing: color_correction_method
SelfAttentionGuidance: scale blur_sigma
SetFirstSigma: sigma
SetUnionControlNetType: type
SheetSage2AudioToABC: mode
SkipLayerGuidanceDiT: double_layers single_layers scale start_percent end_percent rescaling_scale
SkipLayerGuidanceDiTSimple: double_layers single_layers start_percent end_percent
SolidMask: value width height
SplitSigmas: step
StringCompare: string_a string_b mode case_sensitive
StringConcatenate: string_a string_b delimiter
StringFormat: f_string
StringLength: string
StringReplace: string find replace
StyleModelApply: strength strength_type
StyleModelLoader: style_model_name
SVD_img2vid_Conditioning: width height video_frames motion_bucket_id fps augmentation_level
T5TokenizerOptions: min_padding min_length
TemporalScoreRescaling: tsr_k tsr_sigma
TextEncodeAceStepAudio: tags lyrics lyrics_strength
TextEncodeAceStepAudio1.5: tags lyrics seed bpm duration timesignature language keyscale generate_audio_codes \
cfg_scale temperature top_p top_k min_p
TextEncodeFibo2: prompt negative_prompt width height batch_size
TextEncodeJoyImageEdit: prompt
TextEncodeMingImageEdit: prompt
TextEncodeMOSSImageEdit: prompt edit_format image_strength
TextEncodeQwenImage21: prompt negative_prompt resolution
TextEncodeQwenImageEdit: prompt
TextEncodeQwenImageEditPlus: prompt
ThresholdMask: value
Trellis2UpsampleStage: target_resolution
TrimAudioDuration: start_index duration
TrimVideoLatent: trim_amount
TripleCLIPLoader: clip_name1 clip_name2 clip_name3
unCLIPCheckpointLoader: ckpt_name
unCLIPConditioning: strength noise_augmentation
UNETLoader: unet_name weight_dtype
UnetLoaderGGUF: unet_name
UNetTemporalAttentionMultiply: self_structural self_temporal cross_structural cross_temporal
UnwrapMesh: segmenter resolution padding weld_distance
UpscaleModelLoader: model_name
VAEDecodeHunyuan3D: num_chunks octree_resolution
VaeDecodeStructureTrellis2: resolution
VAEDecodeTiled: tile_size overlap temporal_size temporal_overlap
VAEEncodeForInpaint: grow_mask_by
VAEEncodeTiled: tile_size overlap temporal_size temporal_overlap
VAELoader: vae_name
Video Slice: start_time duration strict_duration
VideoLinearCFGGuidance: min_cfg
VOIDInpaintConditioning: width height length batch_size
VOIDWarpedNoise: width height length batch_size
VoxelToMesh: algorithm threshold
VPScheduler: steps beta_d beta_min eps_s
Wan22FunControlToVideo: width height length batch_size
Wan22ImageToVideoLatent: width height length batch_size
WanAnimate2Cache: device dtype
WanAnimate2ToVideo: width height length batch_size video_frame_offset pose_strength pose_start_percent \
pose_end_percent reference_image_strength
WanCameraEmbedding: camera_pose width height length speed fx fy cx cy
WanCameraImageToVideo: width height length batch_size
WanDancerPadKeyframesList: segment_length num_segments
WanDancerVideo: width height length
WanFirstLastFrameToVideo: width height length batch_size
WanFunControlToVideo: width height length batch_size
WanFunInpaintToVideo: width height length batch_size
WanHuMoImageToVideo: width height length batch_size
WanImageToVideo: width height length batch_size
WanMoveTrackToVideo: strength width height length batch_size
WanSoundImageToVideo: width height length batch_size
WanSoundImageToVideoExtend: length
WanTrackToVideo: tracks width height length batch_size temperature topk
WanVaceToVideo: width height length batch_size strength
YuE2GenerateABC: style lyrics seed mode max_abc_tokens temperature top_p top_k repetition_penalty penalty_window
YuE2GenerateMusic: style lyrics abc seed mode max_duration temperature top_p top_k repetition_penalty
"""


def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.partition(":") for line in text.strip().splitlines())
    return {name: tuple(widgets.split()) for name, _, widgets in rows}


KNOWN = _table(_CORE)
"""Class to the names of its widgets."""
